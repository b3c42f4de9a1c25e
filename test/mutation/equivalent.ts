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
  'toolCall.preparing on prepareTool is done if isReady: is tried after the next':
    'isReady holds only for outputs of type `ready`, and isDenied, the next one, only for those of type `refused`.',
  'toolCall.preparing on prepareTool is done if isReady: keepReady comes after reportPrepared':
    'What is sent is made of the event and the place of the call, which keepReady does not change.',
  'compaction.masking on always if isMaskingEnough: is tried after the next':
    'It leads to the same state, with the same action, as isNothingRemoved does.',
  'compaction.masking on always if isMaskingEnough: leads to compaction.trimmed':
    'Nobody sees which final state it is: what a compaction has come to is its output, and that is made of its context.',
  'compaction.masking on always if isNothingRemoved: leads to compaction.trimmed':
    'Nobody sees which final state it is: what a compaction has come to is its output, and that is made of its context.',
  'compaction.masking on always if isNothingRemoved: maskOutputs is gone':
    'Where nothing can be removed, there is no output of a tool either that could be masked.',
  'compaction.summarizing on summarize is done if isForced: leads to compaction.unchanged':
    'Nobody sees which final state it is: what a compaction has come to is its output, and that is made of its context.',
  'compaction.summarizing on summarize is done if isSummaryShorter: leads to compaction.trimmed':
    'Nobody sees which final state it is: what a compaction has come to is its output, and that is made of its context.',
  'compaction.summarizing on summarize is done: leads to compaction.done':
    'Nobody sees which final state it is: what a compaction has come to is its output, and that is made of its context.',
  'session.inTurn.running on session.steer: keepSteering comes after passSteering':
    'What is sent is delivered when all actions have been resolved. The message is made of the event alone, and keepSteering reads nothing of the turn.',
  'session.inTurn.running on session.close: cancelAll comes after cancelTurn':
    'What is sent is delivered when all actions have been resolved. The message is made of the event alone, and cancelAll reads nothing of the turn.',
  'turn.working.preparing on prepareStep is done if isPrepared: is tried after the next':
    'isPrepared holds only for outputs of type `ready`, and isInputDenied, the next one, only for those of type `denied`.',
  'turn.working.callingModel on callModel is done if mayCompact: is tried after the next':
    'mayCompact holds only for outputs of type `trouble`, and isAnswerDenied, the next one, only for those of type `denied`.',
  'turn.working.checkingOutput on checkOutput is done if isOutputAccepted: is tried after the next':
    'isOutputAccepted holds only for outputs of type `accepted`, and mayAskAgain, the next one, only for those of type `rejected`.',
  'entry of turn.working.awaitingExtension: tellPaused comes after pauseClock':
    'tellPaused reads the step and the limits, and pauseClock sets the clock and tells nobody but an agent around it.',
  'entry of turn.working.awaitingResume: tellPaused comes after pauseClock':
    'tellPaused reads the cost and the limits, and pauseClock sets the clock and tells nobody but an agent around it.',
  'entry of turn.failed: withdrawUnseen comes after closeCalls':
    'One of them has nothing to do: messages are unseen only before the model call of a step, and there are calls only after it.',
  'entry of turn.cancelled: withdrawUnseen comes after closeCalls':
    'One of them has nothing to do: messages are unseen only before the model call of a step, and there are calls only after it.',
  'turn.working.callingModel on callModel is done if mayCompact: keepOverflow comes after repeatStep':
    'keepOverflow reads the attempt and what was shown, and repeatStep sets the request and its tries: neither touches what the other one reads.',
  'turn.working.usingTools on turn.approve: passApproval comes after passToAgents':
    'One of them has nothing to do: passToAgents passes on only what no call of the turn itself waits for.',
  'turn.working.usingTools on turn.deny: passDenial comes after passToAgents':
    'One of them has nothing to do: passToAgents passes on only what no call of the turn itself waits for.',
  'turn.working.usingTools on turn.resolveTool: passResult comes after passToAgents':
    'One of them has nothing to do: passToAgents passes on only what no call of the turn itself waits for.',
  'turn.working.usingTools.awaitingAnswers on turn.steer if waitsForClients: keepSteering comes after giveUpResults':
    'keepSteering sets the steering, and giveUpResults the calls: neither reads what the other one sets, and only one of them says anything.',
};

/** Mutants that make a difference in turns only which no path has, each with what such a turn would be. */
export const unreached: Readonly<Record<string, string>> = {
  'turn.working.choosing on always if isOutOfSteps: is tried after the next':
    'A turn whose steps are spent as well as its soft cost, and that does not ask for more steps: on paths both are asked for, or none.',
  'turn.working.beginning on always if cannotAffordStep: is tried after the next':
    'A turn that is over its budget, and whose conversation is too long at the same time: on paths no summary is followed by another one.',
};
