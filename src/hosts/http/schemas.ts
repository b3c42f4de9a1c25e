import { z } from 'zod';
import type { Json } from '../../json.ts';
import type { Message, UserInput } from '../../messages.ts';
import type { Usage } from '../../model.ts';
import type { ChatRequest } from './chat/chatRequest.ts';
import {
  type AnswerAccepted,
  type CancelResult,
  type CancelTurn,
  type CompactionAccepted,
  type CreateMessage,
  type CreateSession,
  type EventList,
  type ExtendTurn,
  eventTypes,
  type MessageAccepted,
  type MessageList,
  type Problem,
  type ProblemCode,
  problemKinds,
  type SessionList,
  type SessionResource,
  type Snapshot,
  type SnapshotOfTurn,
  type SteerTurn,
  type ToolApproval,
  type ToolResult,
  type TurnGoesOn,
} from './protocol.ts';

/** The schemas that the API document names. */
export const components = z.registry<{ readonly id: string }>();

/** What requests are checked with, and what the API document says of requests and answers. */

const json: z.ZodType<Json> = named('Json', z.json());
const id = z.string().min(1).max(256);
const count = z.int().min(0);

const text = z.strictObject({ type: z.literal('text'), text: z.string() });
const file = z.strictObject({
  type: z.literal('file'),
  mediaType: z.string().min(1),
  data: z.union([z.string(), z.strictObject({ url: z.url() })]).describe('Base64 text, or where the file is'),
  name: z.string().optional(),
});
const content = named(
  'Content',
  z.union(
    [
      z.string().refine((said) => said.trim() !== '', 'A message is empty'),
      z
        .array(z.discriminatedUnion('type', [text, file]))
        .min(1)
        .refine((parts) => parts.some((part) => part.type !== 'text' || part.text.trim() !== ''), 'A message is empty'),
    ],
    { error: 'Send a text, or a list of { type: "text", text } and { type: "file", mediaType, data }' },
  ),
) as z.ZodType<UserInput>;

const sessionId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/);

export const createSession: z.ZodType<CreateSession> = named(
  'CreateSession',
  z.strictObject({ id: sessionId.optional() }),
);

export const createMessage: z.ZodType<CreateMessage> = named(
  'CreateMessage',
  z.strictObject({
    content,
    delivery: z
      .enum(['queue', 'steer', 'reject'])
      .optional()
      .describe('What becomes of the message during a turn; `queue` where it is left out'),
  }),
);

export const steerTurn: z.ZodType<SteerTurn> = named(
  'SteerTurn',
  z.strictObject({ content, turn_id: id.optional().describe('Only if this turn runs') }),
);

export const cancelTurn: z.ZodType<CancelTurn> = named(
  'CancelTurn',
  z.strictObject({ reason: z.string().max(1_000).optional() }),
);

export const extendTurn: z.ZodType<ExtendTurn> = named(
  'ExtendTurn',
  z.strictObject({ steps: z.int().min(1).max(1_000) }),
);

export const toolResult: z.ZodType<ToolResult> = named(
  'ToolResult',
  z.strictObject({
    tool_call_id: id,
    output: json,
    is_error: z.boolean().optional().describe('The client could not run the tool, and `output` says why'),
  }),
);

export const toolApproval: z.ZodType<ToolApproval> = named(
  'ToolApproval',
  z.strictObject({
    tool_call_id: id,
    decision: z.enum(['approve', 'deny']),
    reason: z.string().max(1_000).optional().describe('Of a denial'),
    remember: z.literal('session').optional().describe('Of an approval: for every later call of the tool, too'),
  }),
);

export const chatRequest: z.ZodType<ChatRequest> = named(
  'ChatRequest',
  z
    .looseObject({
      id: sessionId,
      messages: z
        .array(
          z.looseObject({
            id: z.string(),
            role: z.enum(['system', 'user', 'assistant']),
            parts: z.array(z.looseObject({ type: z.string() })),
          }),
        )
        .min(1)
        .describe('The last one counts'),
      trigger: z.enum(['submit-message', 'regenerate-message']).optional(),
      messageId: z.string().optional(),
    })
    .describe('As the transport of AI SDK UI sends it'),
);

const names = z
  .string()
  .transform((list) => list.split(',').map((name) => name.trim()))
  .pipe(z.array(z.enum(eventTypes, { error: ({ input }) => `"${String(input)}" is no type of event` })));
/** What events are asked for with. */
export const eventsQuery = z.strictObject({
  since_id: z
    .string()
    .regex(/^\d{1,15}(\.\d{1,15})?$/, 'Not the id of an event, such as 17 or 17.3')
    .optional()
    .describe('The last event that is known already; where it is left out, the events of the latest message'),
  types: names
    .optional()
    .describe('Types of events that are wanted, with commas between them; all where it is left out'),
  exclude: names.optional().describe('Types of events that are not wanted, with commas between them'),
});

/** What a list of sessions is asked for with. */
export const sessionsQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d+$/, 'Not a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(200))
    .optional()
    .describe('How many sessions at most, from 1 to 200; 50 where it is left out'),
  before: z
    .string()
    .regex(/^\d{1,16}:./, 'Not the `next` of a page')
    .optional()
    .describe('The `next` of the page before; where it is left out, the list begins with the newest'),
});

// ------------------------------------------------------------------------------------------------------------ answers

const usage: z.ZodType<Usage> = named(
  'Usage',
  z.object({
    inputTokens: count,
    outputTokens: count,
    cachedInputTokens: exactly(count),
    cacheWriteTokens: exactly(count),
    reasoningTokens: exactly(count),
  }),
);

export const sessionResource: z.ZodType<SessionResource> = named(
  'Session',
  z.object({
    id,
    agent: z.string(),
    status: z.enum(['idle', 'compacting', 'in_turn']),
    queued: count,
    usage,
    last_event_id: z.string(),
  }),
);

export const sessionList: z.ZodType<SessionList> = named(
  'SessionList',
  z.object({
    sessions: z.array(
      z.object({
        id,
        agent: z.string(),
        status: z.enum(['idle', 'compacting', 'in_turn']),
        title: exactly(z.string()),
        turns: exactly(count),
        created_at: exactly(z.number()),
        updated_at: exactly(z.number()),
      }),
    ),
    next: exactly(z.string()),
  }),
);

export const messageAccepted: z.ZodType<MessageAccepted> = named(
  'MessageAccepted',
  z.object({
    session_id: id,
    turn_id: id.describe('The turn that the message goes into'),
    status: z.enum(['started', 'queued', 'steering']),
    since_id: z.string().describe('The last event before the message'),
  }),
);

export const cancelResult: z.ZodType<CancelResult> = named(
  'CancelResult',
  z.union([
    z
      .object({ status: z.literal('cancelled'), turn_id: exactly(id) })
      .describe('The turn is, or where none ran the shortening of the conversation'),
    z.object({ status: z.literal('no_op') }).describe('Neither was under way'),
  ]),
);

export const turnGoesOn: z.ZodType<TurnGoesOn> = named(
  'TurnGoesOn',
  z.object({ status: z.literal('accepted'), turn_id: exactly(id) }),
);

export const compactionAccepted: z.ZodType<CompactionAccepted> = named(
  'CompactionAccepted',
  z.object({ status: z.literal('accepted'), since_id: z.string().describe('The last event before it') }),
);

export const answerAccepted: z.ZodType<AnswerAccepted> = named(
  'AnswerAccepted',
  z.object({ status: z.literal('accepted'), tool_call_id: id }),
);

const message = named(
  'Message',
  z
    .looseObject({
      role: z.enum(['system', 'user', 'assistant', 'tool']),
      id,
      content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
    })
    .describe('As `Message` of the package has it'),
) as z.ZodType<unknown> as z.ZodType<Message>;

export const messageList: z.ZodType<MessageList> = named('MessageList', z.object({ messages: z.array(message) }));

export const wireEvent = named(
  'Event',
  z
    .object({
      id: z.string().describe('`seq`, or `seq.n` for events that are not stored; unique in the session'),
      type: z.enum(eventTypes),
      session_id: id,
      turn_id: exactly(id),
      seq: count,
      ts: z.number().describe('Epoch ms'),
      data: z.looseObject({ agent: z.string() }).describe('The fields of the event, by its type'),
    })
    .describe('What a session says; its types are documented with the package'),
);

export const eventList: z.ZodType<EventList> = named(
  'EventList',
  z.object({ events: z.array(wireEvent), last_event_id: z.string() }),
);

const turnSnapshot: z.ZodType<SnapshotOfTurn> = named(
  'TurnSnapshot',
  z.object({
    id,
    state: z.string(),
    step: count,
    attempt: count,
    retryAt: exactly(z.number().describe('Epoch ms')),
    get tools() {
      return z.array(
        z.object({ toolCallId: id, toolName: z.string(), state: z.string(), agent: exactly(turnSnapshot) }),
      );
    },
  }),
);

export const sessionSnapshot: z.ZodType<Snapshot> = named(
  'Snapshot',
  z.object({
    status: z.enum(['idle', 'compacting', 'inTurn', 'closed']),
    queued: count,
    turn: exactly(turnSnapshot),
  }),
);

export const problem: z.ZodType<Problem> = named(
  'Problem',
  z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string().describe('What happened, on what, and the way out'),
      code: z.enum(Object.keys(problemKinds) as ProblemCode[]),
      errors: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
    })
    .describe('RFC 9457'),
);

function named<T extends z.ZodType>(name: string, schema: T): T {
  components.add(schema, { id: name });
  return schema;
}

/** May be absent, but not `undefined`. */
function exactly<T extends z.ZodType>(schema: T): z.ZodExactOptional<T> {
  return schema.exactOptional();
}
