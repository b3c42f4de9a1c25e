import type { Usage } from '../../../../src/model.ts';
import { historyOf, sessionContext, turnContext, turnOf } from '../model/context.ts';
import { ReplayedRun } from '../model/replayedRun.ts';
import { cursor, goTo, growth, isUnread, moment, path, run } from '../model/store.ts';
import { duration } from '../model/time.ts';
import { type StepUsage, type TurnUsage, usageUntil } from '../model/usage.ts';
import { stillReading } from './ChartPanel.tsx';
import { FailureCard } from './Details.tsx';

/** Tokens, money and time: of each step, of each turn, and in total. */
export function UsageView() {
  growth.value;
  const source = run.value;
  if (!(source instanceof ReplayedRun)) return <p class="empty">Only sessions use tokens.</p>;
  const turns = usageUntil(source.items, cursor.value);
  return (
    <div class="usage">
      {isUnread.value ? <p class="empty">{stillReading}</p> : <Totals source={source} />}
      {turns.toReversed().map((turn) => (
        <TurnTable key={turn.turnId} turn={turn} />
      ))}
      {turns.length === 0 && <p class="empty">No turn has begun yet.</p>}
    </div>
  );
}

function Totals({ source }: { source: ReplayedRun }) {
  const now = moment.value;
  const session = sessionContext(now);
  const shown = turnOf(now, path.value);
  const turn = turnContext(shown);
  const history = historyOf(now, path.value);
  const contextWindow = source.start.model?.contextWindow;
  const filled = history?.measured?.tokens;
  const isRunning = shown?.status === 'active';
  const used = sum(session?.usage, isRunning ? turn?.totals.usage : undefined);
  const cost = add(session?.cost, isRunning ? turn?.totals.cost : undefined);
  return (
    <dl class="totals">
      <Total
        name="Input tokens"
        value={number(used.inputTokens)}
        note={used.cachedInputTokens === undefined ? undefined : `${number(used.cachedInputTokens)} from cache`}
      />
      <Total
        name="Output tokens"
        value={number(used.outputTokens)}
        note={used.reasoningTokens === undefined ? undefined : `${number(used.reasoningTokens)} reasoning`}
      />
      <Total
        name="Cost"
        value={cost === undefined ? '–' : cost.toFixed(4)}
        note={cost === undefined ? 'no pricing' : undefined}
      />
      <div class="total">
        <dt>Window filled</dt>
        <dd>
          {filled === undefined ? '–' : number(filled)}
          {contextWindow !== undefined && <span class="note">of {number(contextWindow)}</span>}
          {contextWindow !== undefined && filled !== undefined && (
            <meter min={0} max={contextWindow} high={contextWindow * 0.85} value={filled} aria-label="Window filled" />
          )}
        </dd>
      </div>
    </dl>
  );
}

function Total({ name, value, note }: { name: string; value: string; note?: string | undefined }) {
  return (
    <div class="total">
      <dt>{name}</dt>
      <dd>
        {value}
        {note !== undefined && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

function TurnTable({ turn }: { turn: TurnUsage }) {
  return (
    <section class="turn-usage">
      <h4>
        <button type="button" class="link" onClick={() => goTo(turn.item)}>
          {turn.title === '' ? 'Turn' : turn.title}
        </button>
        <span class={`pill kind-${pillOf(turn)}`}>{turn.end?.status ?? 'running'}</span>
      </h4>
      {turn.failure !== undefined && <FailureCard failure={turn.failure} />}
      <table>
        <thead>
          <tr>
            <th>step</th>
            <th>attempts</th>
            <th>tools</th>
            <th>in</th>
            <th>out</th>
            <th>took</th>
            <th>ended by</th>
          </tr>
        </thead>
        <tbody>
          {turn.steps.map((step) => (
            <StepRow key={step.step} step={step} />
          ))}
        </tbody>
        {turn.end !== undefined && (
          <tfoot>
            <tr>
              <td colSpan={3}>turn{turn.end.cost === undefined ? '' : `, cost ${turn.end.cost.toFixed(4)}`}</td>
              <td>{number(turn.end.usage.inputTokens)}</td>
              <td>{number(turn.end.usage.outputTokens)}</td>
              <td>{duration(turn.end.durationMs)}</td>
              <td />
            </tr>
          </tfoot>
        )}
      </table>
    </section>
  );
}

function StepRow({ step: { step, item, attempts, tools, usage, durationMs, finishReason } }: { step: StepUsage }) {
  return (
    <tr>
      <td>
        <button type="button" class="link" onClick={() => goTo(item)}>
          {step}
        </button>
      </td>
      <td>{attempts}</td>
      <td>{tools}</td>
      <td>{usage === undefined ? '' : number(usage.inputTokens)}</td>
      <td>{usage === undefined ? '' : number(usage.outputTokens)}</td>
      <td>{durationMs === undefined ? '' : duration(durationMs)}</td>
      <td>{finishReason ?? ''}</td>
    </tr>
  );
}

function pillOf({ end }: TurnUsage): string {
  if (end === undefined) return 'model';
  return end.status === 'completed' ? 'done' : end.status === 'failed' ? 'failed' : 'cancelled';
}

function sum(a: Usage | undefined, b: Usage | undefined): Usage {
  const cached = add(a?.cachedInputTokens, b?.cachedInputTokens);
  const reasoning = add(a?.reasoningTokens, b?.reasoningTokens);
  return {
    inputTokens: (a?.inputTokens ?? 0) + (b?.inputTokens ?? 0),
    outputTokens: (a?.outputTokens ?? 0) + (b?.outputTokens ?? 0),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
  };
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
