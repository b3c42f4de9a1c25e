import type { Payload } from '../../events.ts';
import { maxCompactions } from '../../machines/compaction.ts';
import type { PathMoment } from './observation.ts';
import type { Oracle } from './oracles.ts';
import { readReady, readToolEvent } from './pathEvent.ts';

/** What holds of what a turn has only where somebody has asked for it: approvals, clients, guardrails, compaction. */
export const featureOracles: readonly Oracle[] = [
  {
    name: 'a tool that needs approval runs only once somebody has approved it',
    check(moment) {
      const { before, after } = moment;
      const asked = unapproved(moment);
      for (const { id } of after.started.slice(before.started.length)) {
        const [, index] = /\.tool\.(\d+)\.(execute|agent)/.exec(id) ?? [];
        if (index !== undefined && asked.has(Number(index) + 1)) return `${id} was started.`;
      }
      return undefined;
    },
  },
  {
    name: 'whoever is asked is told what was decided, once, or that the call is cancelled',
    check({ after }) {
      const open = new Set<string>();
      for (const event of after.events) {
        switch (event.type) {
          case 'tool.approvalRequested':
            if (open.has(event.toolCallId)) return `${event.toolCallId} is asked about twice.`;
            open.add(event.toolCallId);
            break;
          case 'tool.approvalResolved':
            if (!open.delete(event.toolCallId)) return `${event.toolCallId} was not asked about.`;
            break;
          case 'tool.cancelled':
            open.delete(event.toolCallId);
            break;
          default:
            if (isEnding(event) && open.size > 0) return `Of ${[...open].join(', ')} nothing was decided.`;
        }
      }
      return undefined;
    },
  },
  {
    name: 'people are asked only where nothing is left to be prepared',
    check({ before, after }) {
      const isAsking = after.events.slice(before.events.length).some(({ type }) => type === 'tool.approvalRequested');
      return isAsking && after.state.tools.includes('preparing') ? 'Something is asked too early.' : undefined;
    },
  },
  {
    name: 'what a guardrail denies is in no conversation',
    check({ event, before, after }) {
      if (event === 'answer is denied') {
        const added = after.messages.slice(before.messages.length).find(({ role, ...message }) => {
          return role === 'assistant' && !('cause' in message);
        });
        return added === undefined ? undefined : `${added.id} was added.`;
      }
      const last = before.messages.at(-1);
      // what is wrong with an answer is the engine's own word
      if (event !== 'input is denied' || last?.role !== 'user' || last.cause === 'output_hint') return undefined;
      return after.messages.some(({ id }) => id === last.id) ? `${last.id} stays.` : undefined;
    },
  },
  {
    name: 'what cannot be mended by compaction is not tried for ever',
    check({ after }) {
      let count = 0;
      for (const event of after.events) {
        if (event.type === 'message.completed') count = 0;
        if (event.type !== 'compaction.completed' && event.type !== 'compaction.failed') continue;
        // somebody may compact as often as they like
        if (event.reason === 'manual') continue;
        count += 1;
        if (count > maxCompactions) return `There were ${count} compactions without an answer in between.`;
      }
      return undefined;
    },
  },
  {
    name: 'a summary that comes is taken, unless nothing would be saved by it',
    check({ event, before, after }) {
      if (!event.startsWith('summary comes')) return undefined;
      const told = after.events.slice(before.events.length);
      const failed = told.find((each) => each.type === 'compaction.failed');
      return failed === undefined || failed.failure.code === 'nothing_saved' ? undefined : failed.failure.message;
    },
  },
  {
    name: 'a compaction that begins ends with no more than there was and a few words, unless the turn ends first',
    check({ after }) {
      let isOpen = false;
      for (const event of after.events) {
        if (event.type === 'compaction.started') {
          if (isOpen) return 'One begins in the middle of another.';
          isOpen = true;
        } else if (event.type === 'compaction.completed' || event.type === 'compaction.failed') {
          if (!isOpen) return 'One ends that has not begun.';
          isOpen = false;
          if (event.tokensAfter > event.tokensBefore + mostForWords) {
            return `It leaves ${event.tokensAfter} of ${event.tokensBefore} tokens.`;
          }
        } else if (isEnding(event) || event.type === 'compaction.cancelled') isOpen = false;
      }
      return undefined;
    },
  },
];

/** In tokens: what stands in the place of messages, which may have been shorter than that. */
const mostForWords = 40;

/** The tools of the step, by number, that nobody has approved and that need it; what the event does is included. */
function unapproved({ path, index }: PathMoment): ReadonlySet<number> {
  const asked = new Set<number>();
  let isForSession = false;
  for (const { event } of path.steps.slice(0, index + 1)) {
    const tool = readToolEvent(event);
    if (event.startsWith('model ')) asked.clear();
    // a call of an agent is none of the turn
    if (tool === undefined) continue;
    const { number, happening } = tool;
    if (readReady(happening)?.needsApproval === true && !isForSession) asked.add(number);
    if (happening === 'is approved') asked.delete(number);
    if (happening !== 'is approved for the session' || !asked.has(number)) continue;
    isForSession = true;
    asked.clear();
  }
  return asked;
}

function isEnding({ type }: Payload): boolean {
  return type === 'turn.completed' || type === 'turn.failed' || type === 'turn.cancelled';
}
