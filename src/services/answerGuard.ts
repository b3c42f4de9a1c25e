import type { AnswerPart } from '../events.ts';
import type { GuardrailReport } from '../machines/contracts.ts';
import type { AssistantPart } from '../messages.ts';
import type { Run } from '../tool.ts';
import { ask, type Guardrails } from './guardrails.ts';

/** What guardrails make of one answer: nothing of it is shown before they have seen it. */
export class AnswerGuard {
  readonly #guardrails: NonNullable<Guardrails['output']>;
  readonly #run: Run;
  /** Reports of the last time that they were asked: what they say of a text they say again of a longer one. */
  reports: readonly GuardrailReport[] = [];
  denied: GuardrailReport | undefined;
  rewritten: { readonly content: readonly AssistantPart[]; readonly by: GuardrailReport } | undefined;

  constructor(guardrails: NonNullable<Guardrails['output']>, run: Run) {
    this.#guardrails = guardrails;
    this.#run = run;
  }

  /** Whether the text so far must not be shown. What would be rewritten is shown as it is until the answer is whole. */
  async isDenied(shown: readonly AnswerPart[], content: () => readonly AssistantPart[]): Promise<boolean> {
    if (shown.every(({ type }) => type !== 'text-delta')) return false;
    await this.#ask(content());
    return this.denied !== undefined;
  }

  async checkWhole(content: readonly AssistantPart[]): Promise<void> {
    const rewritten = await this.#ask(content);
    if (rewritten !== undefined) this.rewritten = { content: withText(content, rewritten.value), by: rewritten.by };
  }

  async #ask(content: readonly AssistantPart[]) {
    const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
    const verdict = await ask('output', this.#guardrails, text, this.#run, (rewritten) => rewritten);
    this.reports = verdict.reports;
    this.denied = verdict.denied;
    return verdict.rewritten;
  }
}

/** The content with one text in place of all of them, where the first one was. Providers refuse a text that says nothing. */
function withText(content: readonly AssistantPart[], text: string): readonly AssistantPart[] {
  if (text === '') return content.filter(({ type }) => type !== 'text');
  const first = content.findIndex(({ type }) => type === 'text');
  const part: AssistantPart = { type: 'text', text };
  if (first === -1) return [part, ...content];
  return content
    .map((old, index) => (index === first ? part : old))
    .filter((old) => old === part || old.type !== 'text');
}
