/** Hands an action or a guard the event that it is about. */
export function theEvent<TEvent>({ event }: { readonly event: TEvent }): TEvent {
  return event;
}
