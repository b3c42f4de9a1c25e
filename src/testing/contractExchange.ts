import type { Failure, ModelFailureType } from '../failure.ts';
import type { Model, ModelPart, ModelRequest } from '../model.ts';
import { plainRequest } from './contractSamples.ts';
import type { Dialect } from './dialects/dialect.ts';
import type { FaultServer } from './faultServer.ts';
import type { FaultAnswer } from './faults.ts';

/** An adapter, and the language that it speaks. */
export interface ContractSubject {
  readonly dialect: Dialect;
  /** A model of the adapter that asks at this address with this key. */
  createModel(baseURL: string, apiKey: string): Model;
}

/** What of a test runner the contract needs; those of vitest, Jest and Bun have it. */
export interface TestRunner {
  describe(name: string, define: () => void): void;
  it(sentence: string, run: () => Promise<void>, timeoutMs?: number): void;
  readonly expect: (value: unknown, message?: string) => Expectation;
}

/** What of `expect(value)` the contract needs. */
export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: object): void;
  toContain(expected: string): void;
  toBeLessThan(expected: number): void;
  toBeGreaterThan(expected: number): void;
}

/** No failure may contain it. */
export const canaryKey = 'sk-canary-0123456789abcdefghijklmnopqrstuv';

const modelFailureTypes: readonly ModelFailureType[] = [
  'budget',
  'rate_limit',
  'provider_unavailable',
  'context_overflow',
  'auth',
  'unknown',
];

export interface Asked {
  readonly reads: readonly (readonly ModelPart[])[];
  readonly parts: readonly ModelPart[];
  readonly last: ModelPart | undefined;
  readonly said: string;
  readonly thought: string;
  readonly calls: readonly Extract<ModelPart, { type: 'tool-call' }>[];
  readonly finish: Extract<ModelPart, { type: 'finish' }> | undefined;
  readonly failure: Failure | undefined;
}

export interface AskOptions {
  readonly request?: Partial<ModelRequest>;
  readonly signal?: AbortSignal;
  /** How many requests this may take. @default 1 */
  readonly requests?: number;
  readonly onRead?: (read: readonly ModelPart[]) => void | Promise<void>;
  /** Only the last part is kept. */
  readonly keepsNothing?: boolean;
}

/** A server and a model that asks it; every answer is held against what is true of all answers. */
export class Exchange {
  readonly server: FaultServer;
  readonly model: Model;
  readonly #expect: TestRunner['expect'];

  constructor(server: FaultServer, subject: ContractSubject, expect: TestRunner['expect']) {
    this.server = server;
    this.model = subject.createModel(server.url, canaryKey);
    this.#expect = expect;
  }

  async ask(answer: FaultAnswer, options: AskOptions = {}, at: 'alone' | 'shared' = 'alone'): Promise<Asked> {
    const { request, signal = new AbortController().signal, requests = 1 } = options;
    const before = this.server.requests.length;
    this.server.enqueue(answer);
    const asked = await this.read(this.model, { ...plainRequest, ...request }, signal, options);
    if (at === 'alone') {
      this.#expect(this.server.requests.length - before, 'the turn retries, not the adapter').toBe(requests);
    }
    return asked;
  }

  async read(model: Model, request: ModelRequest, signal: AbortSignal, options: AskOptions = {}): Promise<Asked> {
    const reads: (readonly ModelPart[])[] = [];
    const lasts: ModelPart[] = [];
    let final: ModelPart | undefined;
    try {
      for await (const read of model.stream(request, { signal })) {
        const parts: readonly ModelPart[] = isPart(read) ? [read] : read;
        for (const part of parts) {
          if (part.type === 'finish' || part.type === 'error' || part.type === 'aborted') lasts.push(part);
          final = part;
        }
        if (options.keepsNothing !== true) reads.push(parts);
        await options.onRead?.(parts);
      }
    } catch (error) {
      throw new Error('The stream threw, where it must end with a part.', { cause: error });
    }
    this.#expect(lasts.length, 'one part is the last').toBe(1);
    this.#expect(final, 'nothing follows the last part').toBe(lasts[0]);
    const parts = reads.flat();
    const json = JSON.stringify([parts, lasts]);
    this.#expect(json.includes(canaryKey), 'the key is in no part').toBe(false);
    this.#expect(JSON.parse(json), 'parts are plain JSON').toEqual([parts, lasts]);
    const [last] = lasts;
    const failure = last?.type === 'error' ? last.failure : undefined;
    if (failure !== undefined) {
      this.#expect(modelFailureTypes.some((type) => type === failure.type)).toBe(true);
      this.#expect([typeof failure.code, typeof failure.retryable]).toEqual(['string', 'boolean']);
      this.#expect(failure.message.length).toBeGreaterThan(0);
    }
    return {
      reads,
      parts,
      last,
      said: parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join(''),
      thought: parts.map((part) => (part.type === 'reasoning-delta' ? part.text : '')).join(''),
      calls: parts.filter((part) => part.type === 'tool-call'),
      finish: last?.type === 'finish' ? last : undefined,
      failure,
    };
  }
}

export function isPart(read: ModelPart | readonly ModelPart[]): read is ModelPart {
  return !Array.isArray(read);
}
