import { describeError } from '../../failure.ts';
import type { InspectedSession } from '../../inspect.ts';
import { toJson } from '../../json.ts';
import type { CommandAnswer, CommandRequest, InspectorCommand } from './feed.ts';

/**
 * Reads what the page asks for.
 *
 * @throws TypeError that says what is wrong with it
 */
export function readCommand(text: string): CommandRequest {
  const request = fieldsOf(parse(text), 'The body');
  const { type, ...fields } = fieldsOf(request.command, '`command`');
  return { sessionId: textIn(request, 'sessionId'), command: readFields(type, fields) };
}

type Fields = { readonly [name: string]: unknown };

function readFields(type: unknown, fields: Fields): InspectorCommand {
  switch (type) {
    case 'send':
    case 'steer':
      return { type, text: textIn(fields, 'text') };
    case 'cancel':
      return { type, ...optionalText(fields, 'reason') };
    case 'approve':
      return {
        type,
        toolCallId: textIn(fields, 'toolCallId'),
        ...(fields.remember === 'session' && { remember: 'session' }),
      };
    case 'deny':
      return { type, toolCallId: textIn(fields, 'toolCallId'), ...optionalText(fields, 'reason') };
    case 'resolveTool':
      return {
        type,
        toolCallId: textIn(fields, 'toolCallId'),
        output: toJson(fields.output, '`output`'),
        ...(fields.isError === true && { isError: true }),
      };
    case 'extend':
      return { type, steps: numberIn(fields, 'steps') };
    case 'resume':
    case 'compact':
      return { type };
    default:
      throw new TypeError(`There is no command ${JSON.stringify(type)}.`);
  }
}

/** Gives a session a command. What it does not take is no error: the answer says why. */
export function runCommand(session: InspectedSession, command: InspectorCommand): CommandAnswer {
  try {
    return perform(session, command);
  } catch (error) {
    return { accepted: false, reason: describeError(error).message };
  }
}

function perform(session: InspectedSession, command: InspectorCommand): CommandAnswer {
  switch (command.type) {
    case 'send':
      session.send(command.text);
      return { accepted: true };
    case 'steer':
      return session.steer(command.text);
    case 'cancel':
      return session.cancel(command.reason);
    case 'approve': {
      const { toolCallId, type: _, ...options } = command;
      return session.approve(toolCallId, options);
    }
    case 'deny':
      return session.deny(command.toolCallId, command.reason);
    case 'resolveTool': {
      const { toolCallId, output, type: _, ...options } = command;
      return session.resolveTool(toolCallId, output, options);
    }
    case 'extend':
      return session.extend(command.steps);
    case 'resume':
      return session.resume();
    case 'compact':
      return session.compact();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError('The body is not JSON.');
  }
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new TypeError(`${what} is no object: send { sessionId, command: { type, … } }.`);
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw new TypeError(`\`${name}\` is no text.`);
}

function numberIn(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number') return value;
  throw new TypeError(`\`${name}\` is no number.`);
}

function optionalText<T extends string>(fields: Fields, name: T): { readonly [key in T]?: string } {
  return fields[name] === undefined ? {} : ({ [name]: textIn(fields, name) } as { [key in T]: string });
}
