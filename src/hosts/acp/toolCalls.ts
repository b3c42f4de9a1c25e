import type { SessionUpdate, ToolCallContent } from '@agentclientprotocol/sdk';
import { describeError } from '../../failure.ts';
import type { Json } from '../../json.ts';
import type { ToolOutput } from '../../messages.ts';
import { textContent, toToolContent } from './content.ts';
import { type DescribedCall, defaultView, type ToolView, withAbsolutePaths } from './toolView.ts';

/** How calls of tools are shown, where that is not left to their names and inputs. */
export type DescribeTool = (call: DescribedCall) => ToolView | undefined;

export interface ToolCallsOptions {
  /** The folder of the session. */
  readonly cwd: string;
  readonly describeTool: DescribeTool | undefined;
  /** Told what went wrong that nobody else hears of. */
  readonly onProblem: (problem: string) => void;
}

/** A call that was told of. */
export interface ShownCall {
  readonly toolCallId: string;
  readonly title: string;
  readonly name: string;
  readonly kind: Required<ToolView>['kind'];
  readonly rawInput: Json;
  readonly locations: Required<ToolView>['locations'][number][];
  readonly content: ToolCallContent[];
}

/** A call, by the turn that it belongs to: models of two agents, or of one in two turns, may use the same ids. */
export interface CallReference {
  /** Of a sub-agent, where it made the call. @default that of a conversation that is told again */
  readonly turnId?: string | undefined;
  readonly toolCallId: string;
}

interface Asked extends CallReference {
  readonly toolName: string;
  readonly input: Json;
  /** The sub-agent that made it, if one did. */
  readonly agent?: string | undefined;
}

/** A call that was told of, and its id in the protocol, which no other call of the session has. */
interface Known {
  readonly id: string;
  readonly asked: Asked;
}

/** The calls of a session, as an editor shows them. */
export class ToolCalls {
  readonly #options: ToolCallsOptions;
  readonly #known = new Map<string, Known>();
  readonly #taken = new Set<string>();

  constructor(options: ToolCallsOptions) {
    this.#options = options;
  }

  /** The model has asked for it. */
  call(asked: Asked): SessionUpdate {
    const known = { id: this.#newId(asked), asked };
    this.#known.set(keyOf(asked), known);
    return { sessionUpdate: 'tool_call', status: 'pending', ...this.#show(known) };
  }

  /** A call that was told of, for a question about it. */
  find(call: CallReference): ShownCall | { readonly toolCallId: string } {
    const known = this.#known.get(keyOf(call));
    return known === undefined ? { toolCallId: call.toolCallId } : this.#show(known);
  }

  start(call: CallReference): SessionUpdate {
    return { ...this.#update(call), status: 'in_progress' };
  }

  /** What the tool says meanwhile. */
  progress(call: CallReference, text: string): SessionUpdate {
    return { ...this.#update(call), content: [textContent(text)] };
  }

  /** It gave something to the model. */
  end(call: CallReference, output: ToolOutput): SessionUpdate {
    const update = this.#update(call);
    const known = this.#known.get(keyOf(call));
    this.#known.delete(keyOf(call));
    const shown = known && this.#show(known, output);
    return {
      ...update,
      status: output.type === 'error' ? 'failed' : 'completed',
      // who describes it may know better by now
      ...(this.#options.describeTool !== undefined &&
        shown !== undefined && { title: shown.title, kind: shown.kind, locations: shown.locations }),
      content: [...(shown?.content ?? []), ...toToolContent(output)],
      // files are in the content already
      ...(output.type !== 'content' && { rawOutput: output.value }),
    };
  }

  /** It gave nothing, for a reason. */
  fail(call: CallReference, reason: string): SessionUpdate {
    const update = this.#update(call);
    this.#known.delete(keyOf(call));
    return { ...update, status: 'failed', content: [textContent(reason)] };
  }

  #update(call: CallReference) {
    const { toolCallId } = this.find(call);
    return { sessionUpdate: 'tool_call_update' as const, toolCallId };
  }

  #newId({ toolCallId }: CallReference): string {
    let id = toolCallId;
    for (let count = 2; this.#taken.has(id); count += 1) id = `${toolCallId}.${count}`;
    this.#taken.add(id);
    return id;
  }

  #show({ id, asked }: Known, output?: ToolOutput): ShownCall {
    const { toolName, input, agent } = asked;
    const { title, kind, locations, diffs } = this.#view({
      toolName,
      input,
      cwd: this.#options.cwd,
      ...(output !== undefined && { output }),
    });
    return {
      toolCallId: id,
      title: agent === undefined ? title : `${agent}: ${title}`,
      name: toolName,
      kind,
      rawInput: input,
      locations: [...locations],
      content: diffs.map((diff) => ({ type: 'diff', ...diff })),
    };
  }

  #view(call: DescribedCall): Required<ToolView> {
    const { cwd, describeTool, onProblem } = this.#options;
    const view = defaultView(call);
    try {
      return withAbsolutePaths({ ...view, ...describeTool?.(call) }, cwd);
    } catch (error) {
      const { name, message } = describeError(error);
      onProblem(`describeTool: ${name}: ${message}`);
      return view;
    }
  }
}

function keyOf({ turnId, toolCallId }: CallReference): string {
  return `${turnId ?? ''}/${toolCallId}`;
}
