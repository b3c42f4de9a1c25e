import { localBus } from 'turnchart/durability/restate';
import { describe, expect, it } from 'vitest';

describe('the bus of one process', () => {
  it('tells those who listen to a session, each as long as it does', () => {
    const bus = localBus();
    const told: string[] = [];
    const endFirst = bus.subscribe('a', () => told.push('first'));
    bus.subscribe('a', () => told.push('second'));
    bus.subscribe('b', () => told.push('another'));
    bus.publish('a', { events: [] });
    endFirst();
    endFirst();
    bus.publish('a', { events: [] });
    bus.publish('c', { events: [] });
    expect(told).toEqual(['first', 'second', 'second']);
  });
});
