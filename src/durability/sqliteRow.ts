import type { SQLOutputValue } from 'node:sqlite';
import { StoreCorruptError } from './store.ts';

/** A row of a table as SQLite gives it, read column by column: what does not fit is damage. */
export class SqliteRow {
  readonly #values: Readonly<Record<string, SQLOutputValue>>;
  /** For people: the file, and what the row is. */
  readonly #place: string;

  constructor(values: Readonly<Record<string, SQLOutputValue>>, place: string) {
    this.#values = values;
    this.#place = place;
  }

  text(column: string): string {
    return this.optionalText(column) ?? this.#fail(`"${column}" is missing`);
  }

  number(column: string): number {
    return this.optionalNumber(column) ?? this.#fail(`"${column}" is missing`);
  }

  optionalText(column: string): string | undefined {
    const value = this.#values[column];
    if (value === null || typeof value === 'string') return value ?? undefined;
    return this.#fail(`"${column}" is no text`);
  }

  optionalNumber(column: string): number | undefined {
    const value = this.#values[column];
    if (value === null || typeof value === 'number') return value ?? undefined;
    return this.#fail(`"${column}" is no number`);
  }

  /** A text that must be JSON, as it is. */
  jsonText(column: string): string {
    this.json(column);
    return this.text(column);
  }

  json(column: string): unknown {
    try {
      return JSON.parse(this.text(column));
    } catch (cause) {
      if (cause instanceof StoreCorruptError) throw cause;
      return this.#fail(`"${column}" is no JSON`, { cause });
    }
  }

  #fail(problem: string, options?: ErrorOptions): never {
    throw new StoreCorruptError(this.#place, problem, options);
  }
}
