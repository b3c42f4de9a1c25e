import type { ModelFailureType } from '../failure.ts';
import type { ErrorBody } from './errorBody.ts';
import { isLargerThanRateLimit, isOverflow } from './overflow.ts';

/** What kind of failure an error answer is. */
export interface Verdict {
  readonly type: ModelFailureType;
  /** Where it is missing, the usual code of the type. */
  readonly code?: string;
  /** The body rules out that another attempt helps. */
  readonly final?: true;
}

type Status = number | undefined;

interface BodyRule {
  readonly verdict: Verdict;
  /** Statuses that the rule holds for; `undefined` is an error inside a stream. @default all */
  readonly where?: (status: Status) => boolean;
  /** One of these codes, … */
  readonly codes?: ReadonlySet<string>;
  /** … or a message of this form, … */
  readonly phrase?: RegExp;
  /** … or anything else. */
  readonly holds?: (body: ErrorBody) => boolean;
}

/** What the body says of the failure, nothing where it says nothing that is known. */
export function judgeBody(status: Status, body: ErrorBody): Verdict | undefined {
  return bodyRules.find((rule) => (rule.where === undefined || rule.where(status)) && matches(rule, body))?.verdict;
}

function matches({ codes, phrase, holds }: BodyRule, body: ErrorBody): boolean {
  return (
    (codes !== undefined && body.codes.some((code) => codes.has(code))) ||
    (phrase !== undefined && body.messages.some((message) => phrase.test(message))) ||
    holds?.(body) === true
  );
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/));
}

function anyOf(...phrases: readonly RegExp[]): RegExp {
  return new RegExp(phrases.map(({ source }) => source).join('|'), 'i');
}

const throttlingCodes = words(
  `rate_limit rate_limited rate_limit_exceeded rate_limit_error rate_limit_reached resource_exhausted throttled
  throttling_error throttling_exception too_many_requests too_many_requests_exception`,
);

const isGoogleQuota = ({ codes }: ErrorBody) => codes.includes('resource_exhausted');

/** Statuses that providers use for almost anything, or none at all. */
const isVague = (status: Status) =>
  status === undefined || (status >= 400 && status < 500 && ![401, 402, 403, 408, 409, 413, 429].includes(status));

/** The first that matches counts: what no waiting mends comes before what waiting mends, the exact before the general. */
const bodyRules: readonly BodyRule[] = [
  { verdict: { type: 'context_overflow' }, holds: ({ messages }) => isLargerThanRateLimit(messages) },
  {
    // the allowance of a plan for some hours: waiting helps, but not within a turn
    verdict: { type: 'rate_limit', code: 'usage_limit_reached', final: true },
    codes: words('usage_limit_reached'),
  },
  {
    verdict: { type: 'budget', final: true },
    codes: words(
      `insufficient_quota insufficient_balance insufficient_credits insufficient_funds billing_error billing_not_active
      billing_hard_limit_reached budget_exceeded credits_exhausted payment_required exceeded_current_quota_error
      contract_spend_limit_reached enforced_spend_limit_reached linked_organization_spend_limit_reached
      linked_organization_billing_unavailable`,
    ),
    phrase: anyOf(
      /credit balance is too low/,
      /insufficient (?:account )?(?:balance|credits?|funds)/,
      /requires more credits/,
      /(?:used|spent) all (?:its |the |your |of its |of your )?(?:available |remaining )?credits/,
      /(?:out of|no more|run out of) credits/,
      /credits are depleted/,
      /budget has been exceeded/,
      /budget limit/,
      /(?:key|spend|spending|credit|billing hard) limit (?:has been |was |is )?(?:exceeded|reached)/,
      /(?:exceeded|reached|hit) (?:its|the|your|their) (?:monthly |daily |weekly )?(?:spend|spending|credit|billing)(?: hard)? limit/,
      /reached your specified api usage limits/,
      /account is not active, please check your billing/,
    ),
  },
  {
    // Google says so of limits per minute too, and names the quota instead
    verdict: { type: 'budget', final: true },
    holds: (body) =>
      isGoogleQuota(body)
        ? body.quotas.some((quota) => /per_?(?:day|month)/i.test(quota))
        : body.messages.some((message) => /exceeded your current quota/i.test(message)),
  },
  {
    verdict: { type: 'context_overflow' },
    // a 429 is never overflow, and whoever throttles speaks of too many tokens as well
    where: (status) => status !== 429,
    holds: ({ codes, messages }) => !codes.some((code) => throttlingCodes.has(code)) && isOverflow(codes, messages),
  },
  {
    verdict: { type: 'unknown', code: 'content_filter' },
    codes: words(
      `content_filter content_filtered content_policy_violation responsible_aipolicy_violation data_inspection_failed
      moderation_blocked invalid_prompt prohibited_content`,
    ),
    phrase: anyOf(
      /content (?:management|filtering) policy/,
      /blocked by (?:the |our )?content filter/,
      /content exists risk/,
      /flagged as potentially violating/,
      /(?:input|prompt|content) (?:was|has been|is) flagged/,
    ),
  },
  {
    verdict: { type: 'auth' },
    codes: words(
      `invalid_api_key api_key_invalid incorrect_api_key authentication_error permission_error unauthenticated unauthorized
      access_denied access_denied_exception unrecognized_client_exception expired_token_exception
      invalid_signature_exception account_deactivated api_key_service_blocked token_expired organization_on_hold`,
    ),
    phrase: anyOf(
      /(?:incorrect|invalid|missing|expired) (?:x-)?api[- ]key/,
      /api key (?:not valid|not found|is invalid|has expired|expired)/,
    ),
  },
  {
    verdict: { type: 'unknown', code: 'model_not_found' },
    codes: words(
      'model_not_found model_not_exist deployment_not_found unknown_model model_decommissioned model_deprecated',
    ),
  },
  {
    verdict: { type: 'unknown', code: 'model_not_found' },
    where: isVague,
    phrase: anyOf(
      /\bmodels?\b[^\n]{0,160}\b(?:does not exist|not exist|not found|is not found|has been decommissioned)/,
      // Anthropic says no more than this
      /^model: \S+$/,
      /is not a valid model id/,
      /no endpoints found (?:for|matching)/,
      /unknown model/,
      /model identifier is invalid/,
    ),
  },
  {
    verdict: { type: 'provider_unavailable', code: 'overloaded' },
    codes: words(
      `overloaded overloaded_error engine_overloaded engine_overloaded_error server_overloaded slow_down capacity_exceeded
      unavailable service_unavailable service_unavailable_error service_unavailable_exception model_not_ready_exception`,
    ),
  },
  {
    verdict: { type: 'provider_unavailable', code: 'overloaded' },
    where: (status) => status === undefined || status >= 500,
    phrase: anyOf(/overloaded/, /(?:at|over) capacity/, /high demand/),
  },
  {
    verdict: { type: 'rate_limit' },
    where: (status) => status === undefined || status < 500,
    codes: throttlingCodes,
  },
  {
    verdict: { type: 'rate_limit' },
    where: (status) => status === 403 || isVague(status),
    phrase: anyOf(/\brate[- ]limit(?:ed| exceeded| reached)/, /too many requests/),
  },
  {
    verdict: { type: 'auth' },
    where: (status) => status === undefined || status < 500,
    codes: words('permission_denied'),
  },
  {
    // 424 is a failure of the model behind Bedrock
    verdict: { type: 'provider_unavailable' },
    where: (status) => status === undefined || status === 424,
    codes: words(
      `api_error server_error internal internal_error internal_server_error internal_server_exception timeout timeout_error
      deadline_exceeded model_error_exception model_timeout_exception model_stream_error_exception bad_gateway
      gateway_timeout`,
    ),
  },
  {
    verdict: { type: 'unknown', code: 'invalid_request' },
    where: isVague,
    codes: words(
      `invalid_request invalid_request_error invalid_argument failed_precondition validation_exception bad_request
      bad_request_error not_found not_found_error`,
    ),
  },
];
