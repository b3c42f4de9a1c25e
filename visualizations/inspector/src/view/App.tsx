import { useEffect, useRef, useState } from 'preact/hooks';
import { openFile } from '../model/files.ts';
import { growth, item, length, machine, notices, run, type Tab, tab } from '../model/store.ts';
import { ActorTree } from './ActorTree.tsx';
import { ChartPanel, stateText } from './ChartPanel.tsx';
import { Commands } from './Commands.tsx';
import { Conversation } from './Conversation.tsx';
import { CoverageView } from './CoverageView.tsx';
import { EventList } from './EventList.tsx';
import { Header } from './Header.tsx';
import { keyNames, listenToKeys } from './keys.ts';
import { Lanes } from './Lanes.tsx';
import { StateView } from './StateView.tsx';
import { Transport } from './Transport.tsx';
import { UsageView } from './UsageView.tsx';
import { Welcome } from './Welcome.tsx';

const tabs: readonly (readonly [Tab, string])[] = [
  ['chart', 'Chart'],
  ['events', 'Events'],
  ['conversation', 'Conversation'],
  ['state', 'State'],
  ['usage', 'Usage'],
  ['coverage', 'Coverage'],
];

export function App() {
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => listenToKeys(() => help.current?.showModal()), []);
  return (
    <DropZone>
      <Header onHelp={() => help.current?.showModal()} />
      <Notices />
      {run.value === undefined || length.value === 0 ? <Welcome /> : <Workbench />}
      <dialog ref={help} aria-label="Keys">
        <h2>Keys</h2>
        <dl>
          {keyNames.map(([key, name]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{name}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit" class="primary">
            Close
          </button>
        </form>
      </dialog>
    </DropZone>
  );
}

function Workbench() {
  return (
    <main class="bench" data-tab={tab.value}>
      <ActorTree />
      <section class="stage" aria-label="Chart">
        <ChartPanel />
      </section>
      <Side />
      <footer class="time">
        <Transport />
        <Lanes />
      </footer>
      <Announcer />
    </main>
  );
}

function Side() {
  return (
    <section class="side" aria-label="Session">
      <div class="tabs" role="tablist">
        {tabs.map(([name, label]) => (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={tab.value === name}
            aria-controls="panel"
            tabIndex={tab.value === name ? 0 : -1}
            onClick={() => (tab.value = name)}
            onKeyDown={onTabKey}
          >
            {label}
          </button>
        ))}
      </div>
      <div id="panel" class="panel" role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
        <Panel name={tab.value} />
      </div>
      <Commands />
    </section>
  );
}

function Panel({ name }: { name: Tab }) {
  switch (name) {
    case 'chart':
    case 'events':
      return <EventList />;
    case 'conversation':
      return <Conversation />;
    case 'state':
      return <StateView />;
    case 'usage':
      return <UsageView />;
    case 'coverage':
      return <CoverageView />;
  }
}

function onTabKey(event: KeyboardEvent): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by === undefined) return;
  const at = tabs.findIndex(([name]) => name === tab.value);
  const [next] = tabs[(at + by + tabs.length) % tabs.length] ?? tabs[0] ?? [];
  if (next === undefined) return;
  tab.value = next;
  document.getElementById(`tab-${next}`)?.focus();
  event.preventDefault();
  event.stopPropagation();
}

/** Screen readers are told the moment. */
function Announcer() {
  const now = item.value;
  const shown = machine.value;
  return (
    <p class="unseen" role="status">
      {now === undefined
        ? ''
        : `${now.name}. ${shown === undefined ? '' : `${shown.track.title} is in ${stateText(shown)}.`}`}
    </p>
  );
}

function Notices() {
  growth.value;
  const problem = run.value?.problem;
  const all = problem === undefined ? notices.value : [problem, ...notices.value];
  if (all.length === 0) return null;
  return (
    <div class="notices" role="alert">
      {all.map((text) => (
        <p key={text}>
          {text}
          {text !== problem && (
            <button
              type="button"
              aria-label="Close"
              onClick={() => (notices.value = notices.value.filter((each) => each !== text))}
            >
              ×
            </button>
          )}
        </p>
      ))}
    </div>
  );
}

function DropZone({ children }: { children: preact.ComponentChildren }) {
  const [isOver, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files can be opened with a button, too
    <div
      class={`app ${isOver ? 'over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={async (event) => {
        event.preventDefault();
        setOver(false);
        for (const file of event.dataTransfer?.files ?? []) await openFile(file);
      }}
    >
      {children}
    </div>
  );
}
