import {
  CombinedAutocompleteProvider,
  type Component,
  Editor,
  isKeyRelease,
  matchesKey,
  ProcessTerminal,
  Spacer,
  TuiMainScreen,
  wrapTextWithAnsi,
} from '@earendil-works/pi-tui';
import type { Question } from '../questions.ts';
import { commands } from './commands.ts';
import { clip, drawBlock, oneLine } from './drawBlock.ts';
import { drawQuestion } from './drawQuestion.ts';
import type { Theme } from './theme.ts';
import type { Block } from './transcript.ts';
import type { WaitingMessage } from './waiting.ts';

export interface ScreenOptions {
  readonly theme: Theme;
  readonly blocks: () => readonly Block[];
  readonly waiting: () => readonly WaitingMessage[];
  /** What somebody is to answer. */
  readonly questions: () => readonly Question[];
  /** What the turn is at, part by part; nothing while none runs. */
  readonly status: () => readonly string[];
  /** What stands below the conversation while no turn runs. */
  readonly footer: () => string;
  /** What must be known now; stands beside the rest. */
  readonly hint: () => string | undefined;
  readonly onSubmit: (text: string) => void;
  readonly onInterrupt: () => void;
  readonly onEndOfInput: () => void;
}

/** How often the status is drawn again while a turn runs, in ms. */
const tickMs = 100;

/** The chat in a terminal: the conversation, the status, what waits, and the prompt. */
export class Screen {
  readonly #options: ScreenOptions;
  readonly #terminal = new ProcessTerminal();
  readonly #tui = new TuiMainScreen(this.#terminal);
  readonly #editor: Editor;
  readonly #conversation: ConversationView;
  #ticker: NodeJS.Timeout | undefined;
  #nextDraw: NodeJS.Timeout | undefined;
  #isStopped = false;
  #shownQuestion: Question | undefined;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#conversation = new ConversationView(options);
    this.#editor = new Editor(this.#tui, options.theme.editor);
    this.#editor.onSubmit = (text) => {
      if (text === '') return;
      this.#editor.addToHistory(text);
      options.onSubmit(text);
    };
    this.#editor.setAutocompleteProvider(new CombinedAutocompleteProvider(commands.map(toCompletion), process.cwd()));
    this.#tui.addInputListener((data) => this.#takeKey(data));
    this.#showConversation();
    for (const part of [drawn((width) => this.#drawFooter(width)), this.#editor]) this.#tui.addChild(part);
    this.#tui.setFocus(this.#editor);
  }

  get hasText(): boolean {
    return this.#editor.getText() !== '';
  }

  /** The question that whoever types has before him. */
  get shownQuestion(): Question | undefined {
    return this.#shownQuestion;
  }

  clearText(): void {
    this.#editor.setText('');
    this.update();
  }

  start(): void {
    this.#tui.start();
  }

  /**
   * Draws what has changed, soon: a long answer is laid out anew with each of its words, which is to take no more than a
   * fifth of the time.
   */
  update(): void {
    this.#tick();
    if (this.#nextDraw !== undefined || this.#isStopped) return;
    const { drawnAt, tookMs } = this.#conversation;
    this.#nextDraw = setTimeout(
      () => {
        this.#nextDraw = undefined;
        this.#tui.requestRender();
      },
      Math.max(0, drawnAt + 4 * tookMs - performance.now()),
    );
  }

  /** Leaves the conversation on the screen, and the terminal as it was. */
  async close(): Promise<void> {
    if (this.#isStopped) return;
    this.#tui.clear();
    this.#showConversation();
    this.#tui.renderNow();
    // keys that are still held would be typed into the shell
    await this.#terminal.drainInput();
    this.restore();
  }

  /** Restores the terminal at once, whatever is on the screen. */
  restore(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#nextDraw);
    try {
      this.#tui.stop();
    } catch {
      // a terminal that is gone cannot be restored
    }
  }

  #showConversation(): void {
    this.#tui.addChild(this.#conversation);
    this.#tui.addChild(new Spacer());
  }

  #takeKey(data: string): { consume: true } | undefined {
    if (isKeyRelease(data)) return undefined;
    if (matchesKey(data, 'ctrl+c')) this.#options.onInterrupt();
    else if (matchesKey(data, 'ctrl+d') && !this.hasText) this.#options.onEndOfInput();
    else if (matchesKey(data, 'ctrl+o')) this.#conversation.isUnfolded = !this.#conversation.isUnfolded;
    else return undefined;
    this.update();
    return { consume: true };
  }

  /** Time passes only while a turn runs. */
  #tick(): void {
    const isRunning = this.#options.status().length > 0;
    if (isRunning && this.#ticker === undefined && !this.#isStopped) {
      this.#ticker = setInterval(() => this.#tui.requestRender(), tickMs);
    } else if (!isRunning && this.#ticker !== undefined) {
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    }
  }

  #drawFooter(width: number): string[] {
    const { theme, status, footer, hint, waiting, questions } = this.#options;
    const [state, ...facts] = status();
    const urgent = hint();
    const parts = facts.map((fact) => theme.dim(oneLine(fact)));
    if (state !== undefined) parts.unshift(theme.state(`${frame()} ${state}`));
    if (urgent !== undefined) parts.push(theme.warning(urgent));
    if (parts.length === 0) parts.push(theme.dim(oneLine(footer())));
    const line = parts.join(theme.dim(' · '));
    const messages = waiting().map(({ type, text }) => {
      const label = type === 'steering' ? 'steering, for the next step' : 'queued';
      return theme.dim(`  ${label}: ${oneLine(text)}`);
    });
    const { isUnfolded } = this.#conversation;
    const open = questions();
    this.#shownQuestion = open[0];
    const question = drawQuestion(open, Date.now(), { width, isUnfolded, theme });
    return [...wrapTextWithAnsi(line, width), ...messages, ...question].map((text) => clip(text, width));
  }
}

const frames = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];

function frame(): string {
  return frames[Math.floor(performance.now() / tickMs) % frames.length] ?? '';
}

function drawn(render: (width: number) => string[]): Component {
  return { render, invalidate: () => undefined };
}

function toCompletion({ name, argument, description, choices }: (typeof commands)[number]) {
  return {
    name,
    description,
    ...(argument !== undefined && { argumentHint: argument }),
    ...(choices !== undefined && {
      getArgumentCompletions: (begun: string) =>
        choices()
          .filter((choice) => choice.startsWith(begun) && choice !== begun)
          .map((choice) => ({ value: choice, label: choice })),
    }),
  };
}

/** The blocks from top to bottom, each laid out once for as long as it stays the same. */
class ConversationView implements Component {
  readonly #options: Pick<ScreenOptions, 'theme' | 'blocks'>;
  #lines = new WeakMap<Block, readonly string[]>();
  #width = 0;
  #isUnfolded = false;
  drawnAt = 0;
  tookMs = 0;

  constructor(options: Pick<ScreenOptions, 'theme' | 'blocks'>) {
    this.#options = options;
  }

  get isUnfolded(): boolean {
    return this.#isUnfolded;
  }

  set isUnfolded(isUnfolded: boolean) {
    this.#isUnfolded = isUnfolded;
    this.invalidate();
  }

  render(width: number): string[] {
    const startedAt = performance.now();
    if (width !== this.#width) this.invalidate();
    this.#width = width;
    const all: string[] = [];
    let previous: Block | undefined;
    for (const block of this.#options.blocks()) {
      if (previous !== undefined && !belongTogether(previous, block)) all.push('');
      all.push(...this.#linesOf(block));
      previous = block;
    }
    this.drawnAt = performance.now();
    this.tookMs = this.drawnAt - startedAt;
    return all;
  }

  invalidate(): void {
    this.#lines = new WeakMap();
  }

  #linesOf(block: Block): readonly string[] {
    let lines = this.#lines.get(block);
    if (lines === undefined) {
      lines = drawBlock(block, { width: this.#width, isUnfolded: this.#isUnfolded, theme: this.#options.theme });
      this.#lines.set(block, lines);
    }
    return lines;
  }
}

function belongTogether(above: Block, below: Block): boolean {
  if (below.type === 'tool') return above.type === 'tool';
  if (below.type !== 'note') return false;
  return above.type === 'superseded' || (above.type === 'note' && below.tone === 'quiet' && above.tone === 'title');
}
