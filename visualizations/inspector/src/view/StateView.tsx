import { presentable } from '../model/context.ts';
import { shorten } from '../model/describe.ts';
import { type Difference, differences } from '../model/difference.ts';
import { actorAt, type Item } from '../model/run.ts';
import { actor, cursor, goTo, isUnread, item, pinned, run } from '../model/store.ts';
import { stateText, stillReading } from './ChartPanel.tsx';
import { JsonTree } from './json.tsx';

/** The state of the actor that is looked at, and what has changed in it. */
export function StateView() {
  const shown = actor.value;
  const now = item.value;
  if (isUnread.value) return <p class="empty">{stillReading}</p>;
  if (shown === undefined || now === undefined) return <p class="empty">Nothing runs at this moment.</p>;
  return (
    <div class="state-view">
      <h3>
        {shown.track.title} <span class="faint">{shown.track.path}</span>
      </h3>
      <p>
        <span class="state-name">{stateText(shown)}</span>{' '}
        <span class="faint">{shown.value === undefined ? shown.status : JSON.stringify(shown.value)}</span>
      </p>
      <Changes now={now} />
      <h4>{shown.track.isEffect ? 'Input' : 'Context'}</h4>
      <JsonTree key={shown.track.key} value={presentable(shown.context)} depth={0} />
      {shown.output !== undefined && (
        <>
          <h4>Output</h4>
          <JsonTree value={presentable(shown.output)} depth={0} />
        </>
      )}
    </div>
  );
}

function Changes({ now }: { now: Item }) {
  const other = run.value?.items[pinned.value ?? changeBefore(now)];
  const shown = actor.value;
  if (other === undefined || shown === undefined) return null;
  const before = actorAt(other.moment, shown.track.path);
  const isSame = before?.track.path === shown.track.path;
  const [from, to] = other.index <= now.index ? [before, shown] : [shown, before];
  const found = isSame ? differences(presentable(from?.context), presentable(to?.context)) : [];
  return (
    <section aria-label="What has changed">
      <h4>
        Changes {pinned.value === undefined ? 'by the last input' : 'between'}
        {pinned.value !== undefined && (
          <>
            {' '}
            <button type="button" class="link" onClick={() => goTo(other.index)}>
              {other.name}
            </button>{' '}
            and this one{' '}
            <button type="button" class="small" onClick={() => (pinned.value = undefined)}>
              Unpin
            </button>
          </>
        )}
      </h4>
      {found.length === 0 ? (
        <p class="faint">{isSame ? 'None.' : 'The actor was not there.'}</p>
      ) : (
        <ul class="changes">
          {found.map((each) => (
            <Change key={each.path} change={each} />
          ))}
        </ul>
      )}
      {pinned.value === undefined && <p class="faint hint">Pin an event in the list to compare any two moments.</p>}
    </section>
  );
}

function Change({ change: { path, kind, before, after } }: { change: Difference }) {
  return (
    <li class={kind}>
      <span class="key">{path}</span>
      {kind !== 'added' && <del>{shorten(before)}</del>}
      {kind !== 'removed' && <ins>{shorten(after)}</ins>}
    </li>
  );
}

/** The item before the last one that put something into the machines. */
function changeBefore(now: Item): number {
  const items = run.value?.items ?? [];
  for (let index = cursor.value; index > 0; index -= 1) {
    if (items[index]?.moment !== items[index - 1]?.moment) return index - 1;
  }
  return Math.max(0, now.index - 1);
}
