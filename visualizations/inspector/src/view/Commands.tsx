import { useState } from 'preact/hooks';
import type { InspectorCommand } from '../../../../src/inspection/inspector/feed.ts';
import type { Json } from '../../../../src/json.ts';
import type { ToolCallContext } from '../../../../src/machines/toolCallMachine.ts';
import { shorten } from '../model/describe.ts';
import { command } from '../model/feed.ts';
import type { ActorMoment } from '../model/run.ts';
import { connection, goTo, isAtEnd, isLive, length, moment, run, say } from '../model/store.ts';

/** What can be said to the session, where it goes on and that is allowed. */
export function Commands() {
  const source = run.value;
  if (source === undefined || !isLive.value || connection.value?.takesCommands !== true) return null;
  if (!isAtEnd.value) {
    return (
      <div class="commands">
        <span class="faint">This moment is over.</span>
        <button type="button" class="primary" onClick={() => goTo(length.value - 1)}>
          Go to now
        </button>
      </div>
    );
  }
  const tell = async (wanted: InspectorCommand) => {
    const { accepted, reason } = await command(source.id, wanted);
    if (!accepted) say(reason ?? `${wanted.type} was not accepted.`);
    return accepted;
  };
  const turns = moment.value.actors.filter(({ track, status }) => track.machine === 'turn' && status === 'active');
  // sub-agents are given what they wait for through the session, too
  const waitsFor = (state: string) => turns.some(({ states }) => states.some((each) => each.endsWith(`.${state}`)));
  return (
    <section class="commands" aria-label="Commands">
      {moment.value.actors.filter(isWaiting).map((call) => (
        <Question key={call.track.key} call={call} tell={tell} />
      ))}
      {waitsFor('awaitingExtension') && <Extension tell={tell} />}
      {waitsFor('awaitingResume') && (
        <div class="question">
          <p>The turn has spent more than its soft limit.</p>
          <button type="button" class="primary" onClick={() => tell({ type: 'resume' })}>
            Resume
          </button>
        </div>
      )}
      <Say isRunning={turns.length > 0} tell={tell} />
    </section>
  );
}

type Tell = (wanted: InspectorCommand) => Promise<boolean>;

function isWaiting({ track, states }: ActorMoment): boolean {
  return track.machine === 'toolCall' && states.some((state) => /\.awaiting(Approval|Result)$/.test(state));
}

function Question({ call, tell }: { call: ActorMoment; tell: Tell }) {
  const [text, setText] = useState('');
  const { call: asked } = call.context as ToolCallContext;
  const { toolCallId } = asked;
  const isApproval = call.states.some((state) => state.endsWith('Approval'));
  return (
    <form class="question" onSubmit={(event) => event.preventDefault()}>
      <p>
        <strong>{asked.toolName}</strong> <code>{shorten(asked.input)}</code>{' '}
        {isApproval ? 'asks for approval.' : 'waits for its result.'}
      </p>
      <input
        aria-label={isApproval ? 'Reason' : 'Result: JSON, or text'}
        placeholder={isApproval ? 'reason, where it is denied' : 'result: JSON, or text'}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {isApproval ? (
        <span class="buttons">
          <button type="button" class="primary" onClick={() => tell({ type: 'approve', toolCallId })}>
            Approve
          </button>
          <button type="button" onClick={() => tell({ type: 'approve', toolCallId, remember: 'session' })}>
            Approve always
          </button>
          <button
            type="button"
            class="danger"
            onClick={() => tell({ type: 'deny', toolCallId, ...(text !== '' && { reason: text }) })}
          >
            Deny
          </button>
        </span>
      ) : (
        <span class="buttons">
          <button
            type="button"
            class="primary"
            onClick={() => tell({ type: 'resolveTool', toolCallId, output: readJson(text) })}
          >
            Give result
          </button>
          <button
            type="button"
            class="danger"
            onClick={() => tell({ type: 'resolveTool', toolCallId, output: text, isError: true })}
          >
            Could not run
          </button>
        </span>
      )}
    </form>
  );
}

function readJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function Extension({ tell }: { tell: Tell }) {
  const [steps, setSteps] = useState(5);
  return (
    <form
      class="question"
      onSubmit={(event) => {
        event.preventDefault();
        void tell({ type: 'extend', steps });
      }}
    >
      <p>All steps are taken, and the model wants more.</p>
      <input
        type="number"
        min={1}
        aria-label="More steps"
        value={steps}
        onInput={(event) => setSteps(Number(event.currentTarget.value))}
      />
      <button type="submit" class="primary">
        Allow more steps
      </button>
    </form>
  );
}

function Say({ isRunning, tell }: { isRunning: boolean; tell: Tell }) {
  const [text, setText] = useState('');
  const send = async (type: 'send' | 'steer') => {
    if (text.trim() !== '' && (await tell({ type, text }))) setText('');
  };
  return (
    <form
      class="say"
      onSubmit={(event) => {
        event.preventDefault();
        void send(isRunning ? 'steer' : 'send');
      }}
    >
      <input
        aria-label="Message"
        placeholder={isRunning ? 'Steer the turn…' : 'Send a message…'}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={text.trim() === ''}>
        {isRunning ? 'Steer' : 'Send'}
      </button>
      {isRunning ? (
        <>
          <button type="button" disabled={text.trim() === ''} onClick={() => send('send')}>
            Queue
          </button>
          <button type="button" class="danger" onClick={() => tell({ type: 'cancel' })}>
            Cancel turn
          </button>
        </>
      ) : (
        <button type="button" onClick={() => tell({ type: 'compact' })}>
          Compact
        </button>
      )}
    </form>
  );
}
