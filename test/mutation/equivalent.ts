/** Mutants that no test can notice, each with the proof that it behaves as the machine does. */
export const equivalent: Readonly<Record<string, string>> = {
  'turn.working.callingModel on callModel is done if hasFailed: is tried after the next':
    'hasFailed holds for everything but answers, and wasRefused, the next one, for answers only: never both.',
  'turn.idle on turn.start if wasCancelledBefore: beginTurn comes after keepCancel':
    'Both set `now` to the time of turn.start. Else keepCancel sets the reason, and adds the tokens of an answer that has not begun, which are none; beginTurn touches neither.',
  'turn.working.callingModel on callModel is done if pausesTooOften: keepAnswer comes after failWithNoProgress':
    'failWithNoProgress sets `failure`, from the limits alone; keepAnswer neither reads nor sets it.',
  'turn.working.callingModel on callModel is done if hasPaused: keepAnswer comes after repeatStep':
    'repeatStep sets `request` and `tries` of the step; keepAnswer keeps whatever they are, and nothing that it says or stores is made of them.',
  'entry of turn.cancelled: closeCalls comes after keepPartial':
    'One of them has nothing to do: there are calls only once an answer is whole, and keepAnswer empties the partial text as it takes the calls.',
  'toolCall.executing on executeTool is done if canRunAgain: is tried after the next':
    'canRunAgain holds only for outputs of type `failed`, and isDone, the next one, only for those of type `settled`.',
  'session.inTurn.running on session.steer: keepSteering comes after passSteering':
    'What is sent is delivered when all actions have been resolved. The message is made of the event alone, and keepSteering reads nothing of the turn.',
  'session.inTurn.running on session.close: cancelAll comes after cancelTurn':
    'What is sent is delivered when all actions have been resolved. The message is made of the event alone, and cancelAll reads nothing of the turn.',
};
