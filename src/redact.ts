import type { Json } from './json.ts';

/** What stands where a secret stood. */
export const redacted = '[redacted]';

/** Long enough that no key is cut into a part that no longer looks like one, short enough to search quickly. */
const longestRead = 20_000;
const longestString = 2_000;
const longestCause = 4_000;

/** Properties and headers whose value is a secret, whatever it looks like. */
const secretName =
  /^(?:proxy-)?authorization$|^(?:set-)?cookie$|^(?:x[-_])?(?:goog[-_])?(?:api|subscription|access|secret|private)[-_]?(?:access[-_]?)?key$|^(?:access|refresh|auth|bearer|security|session)[-_]?token$|^(?:client[-_]?)?secret$|^password$/i;

const secretPatterns: readonly (readonly [RegExp, string])[] = [
  // a header or a parameter with its value, as text or as JSON within text
  [
    /\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|digest|token)\s+)?[^\s"',;}\]]{4,}/gi,
    `$1${redacted}`,
  ],
  [/\b((?:bearer|basic)\s+)[\w.~+/=*-]{8,}/gi, `$1${redacted}`],
  [
    /\b((?:x-)?(?:goog-)?(?:api|subscription|access|secret)[-_ ]?key(?: provided)?["'`]?\s*[:=]\s*["'`]?)[^\s"'`,;}\]&]{8,}/gi,
    `$1${redacted}`,
  ],
  [/([?&](?:api[-_]?)?(?:key|token|sig|signature)=)[^\s"'&]{4,}/gi, `$1${redacted}`],
  // userinfo of an address
  [/(\b[a-z][a-z\d+.-]{0,20}:\/\/)[^\s/@"']{1,200}@/gi, `$1${redacted}@`],
  // keys that their prefix gives away, masked ones too
  [/\bsk[-_][\w*.-]{8,}/g, redacted],
  [/\b(?:pk|rk|gsk|csk|fw|hf|r8|xai|pplx|nvapi|ghp|gho|ghs|github_pat|tgp)[-_][\w*.-]{16,}/g, redacted],
  [/\bAIza[\w*-]{8,}/g, redacted],
  [/\bya29\.[\w*.-]{8,}/g, redacted],
  [/\b(?:AKIA|ASIA)[A-Z\d*]{8,}/g, redacted],
  [/\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}/g, redacted],
];

/** The text without what looks like a key. */
export function redactText(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of secretPatterns) clean = clean.replace(pattern, replacement);
  return clean;
}

/** Takes out of texts and JSON what looks like a key, and the keys that are known. */
export class Redactor {
  readonly #secrets: readonly string[];

  /** @param secrets keys that must not appear even where nothing gives them away */
  constructor(secrets: readonly string[] = []) {
    const known = secrets.filter((secret) => typeof secret === 'string');
    // its pieces too: what looks like a key may have been taken out of a text before, up to where keys end
    const pieces = known.flatMap((secret) => secret.split(/[\s"'`,;}\]&]+/));
    // what is shorter is no secret, and would tear holes into every text
    this.#secrets = [...known, ...pieces].filter((secret) => secret.length >= 6);
  }

  /** The text without secrets, no longer than this. */
  text(text: string, longest = longestString): string {
    let clean = text;
    // known ones first: cutting must not leave half of one
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, redacted);
    clean = redactText(clean.slice(0, longestRead));
    return clean.length <= longest ? clean : `${clean.slice(0, longest - 1)}…`;
  }

  /** The value as JSON without secrets; as a text that is cut off where it is too large. Nothing where it has no words. */
  json(value: unknown): Json | undefined {
    const clean = this.#json(value, 0);
    if (clean === undefined) return undefined;
    const text = JSON.stringify(clean);
    return text.length <= longestCause ? clean : `${text.slice(0, longestCause - 1)}…`;
  }

  #json(value: unknown, depth: number): Json | undefined {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'number':
        // JSON knows no -0
        return Number.isFinite(value) ? value + 0 : null;
      case 'boolean':
        return value;
      case 'object':
        break;
      default:
        return undefined;
    }
    if (value === null) return null;
    if (depth > 6) return '…';
    if (Array.isArray(value)) {
      return Array.from(value.slice(0, 50), (item) => this.#json(item, depth + 1) ?? null);
    }
    const entries: [string, Json][] = [];
    for (const [name, item] of Object.entries(value).slice(0, 50)) {
      const clean = secretName.test(name) ? redacted : this.#json(item, depth + 1);
      if (clean !== undefined) entries.push([this.text(name, 200), clean]);
    }
    return Object.fromEntries(entries);
  }
}
