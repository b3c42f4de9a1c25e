/** Whether a value of an option is one of those that there are. */
export function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name);
}

/** What to say where it is none of them. */
export function notOneOf(option: string, name: string, names: readonly string[]): string {
  return `--${option} ${name}: it is ${names.join(', ')}.`;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without what was not given. */
export function defined<T extends object>(values: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>;
}
