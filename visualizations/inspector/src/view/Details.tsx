import known from 'virtual:known';
import type { Failure } from '../../../../src/failure.ts';
import type { Item } from '../model/run.ts';
import { growth, item, pinned, run } from '../model/store.ts';
import { duration } from '../model/time.ts';
import { stepText } from './ChartPanel.tsx';
import { JsonTree } from './json.tsx';

/** What there is to say of the event that is looked at. */
export function Details() {
  growth.value;
  const now = item.value;
  if (now === undefined) return null;
  const before = run.value?.items[now.index - 1];
  const meaning = known.meanings.events[now.name];
  const failure = failureIn(now.payload);
  return (
    <section class="details" aria-label="Details of the event">
      <h3>
        <span class={`row-kind item-${now.kind}`} />
        {now.name}
        <button
          type="button"
          class="small"
          title="Compare other moments with this one"
          onClick={() => (pinned.value = pinned.value === now.index ? undefined : now.index)}
        >
          {pinned.value === now.index ? 'Unpin' : 'Pin'}
        </button>
      </h3>
      <p class="when">
        {now.kind} of {now.actor} at {new Date(now.at).toISOString().slice(11, 23)}
        {before !== undefined && `, ${duration(now.at - before.at)} after the one before`}
      </p>
      {meaning !== undefined && <p class="meaning">{meaning}</p>}
      {failure !== undefined && <FailureCard failure={failure} />}
      <Transitions now={now} />
      <JsonTree key={now.index} value={withoutEnvelope(now.payload)} depth={1} />
    </section>
  );
}

function Transitions({ now }: { now: Item }) {
  if (now.steps.length === 0) return null;
  return (
    <ol class="transitions">
      {now.steps.map((step, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are never in another order
        <li key={index}>
          <span class="faint">{step.track.title}</span> {stepText(step)}
        </li>
      ))}
    </ol>
  );
}

/** A failure with what it means, and what helps. */
export function FailureCard({ failure }: { failure: Failure }) {
  const words = known.meanings.failures[failure.type];
  return (
    <div class="failure" role="note" aria-label="Failure">
      <strong>
        {failure.type}
        {failure.code !== failure.type && ` · ${failure.code}`}
      </strong>
      <p>{failure.message}</p>
      {words !== undefined && (
        <>
          <p class="faint">{words.means}</p>
          <p>{words.help}</p>
        </>
      )}
    </div>
  );
}

/** In an event, or in what came of an effect. */
function failureIn(payload: unknown): Failure | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  if ('failure' in payload && isFailure(payload.failure)) return payload.failure;
  for (const key of ['result', 'value', 'outcome', 'event'] as const) {
    const found = key in payload ? failureIn((payload as Readonly<Record<string, unknown>>)[key]) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'type' in value && 'message' in value;
}

/** What stands above already, or is the same in all of them, is left out. */
function withoutEnvelope(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return payload;
  const { type: _, agent: _agent, sessionId: _sessionId, ...rest } = payload as Readonly<Record<string, unknown>>;
  return rest;
}
