/** Codes for requests that do not fit, whatever else the answer says. */
const overflowCodes: ReadonlySet<string> = new Set([
  'context_length_exceeded',
  'context_window_exceeded',
  'context_window_exceeded_error',
  'model_context_window_exceeded',
  'exceed_context_size_error',
  'request_too_large',
  'prompt_too_long',
  'input_too_long',
  'string_above_max_length',
  // Zhipu
  '1261',
]);

/**
 * How providers say that a request does not fit into the window. Each names the input or the window: a limit on the
 * answer (`max_tokens`) or on tokens per minute is another matter.
 */
const overflowPhrases: readonly RegExp[] = [
  // OpenAI, Azure, vLLM, DeepSeek, OpenRouter, Together, LiteLLM: "… maximum context length is 8192 tokens …"
  /maximum context length (?:is|of)\b/i,
  /context[_ ](?:length|window|size)[_ ](?:has been |was |is )?exceeded/i,
  // OpenAI Responses: "Your input exceeds the context window of this model", "Input tokens exceed the configured limit"
  /exceeds? (?:the |this )?(?:model'?s? )?(?:available |maximum )?context (?:window|length|size|limit)/i,
  /input tokens exceed/i,
  // Anthropic, Bedrock, Fireworks, Ollama: "prompt is too long: 213462 tokens > 200000 maximum", "prompt too long; …"
  /prompt (?:is )?too long/i,
  // Anthropic on Bedrock: "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"
  /exceeds? context limit/i,
  // Anthropic 413
  /request exceeds the maximum (?:allowed number of bytes|size)/i,
  // Bedrock
  /input is too long for (?:the )?requested model/i,
  /too many input tokens/i,
  // Google: "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)"
  /input token count[^.]{0,60}exceeds the maximum/i,
  // Vertex AI: "the input token count is 2200000 but model only supports up to 1048576"
  /input token count is \d+ but (?:the )?model only supports/i,
  // Google, of files within the request: "Request payload size exceeds the limit: 20971520 bytes."
  /request payload size exceeds the limit/i,
  // xAI: "This model's maximum prompt length is 131072 but the request contains 537812 tokens"
  /maximum prompt length is \d/i,
  // Groq: "Please reduce the length of the messages or completion"
  /reduce the length of (?:the |your )?(?:input |prompt|messages)/i,
  // Mistral: "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"
  /too large for model with \d+ maximum context length/i,
  // Cohere: "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292"
  /total number of tokens in the prompt (?:cannot exceed|exceeds)/i,
  // Together, TGI: "`inputs` tokens + `max_new_tokens` must be <= 4097", "`inputs` must have less than 4096 tokens"
  /`inputs` tokens \+ `max_new_tokens` must be/i,
  /`inputs` must have less than \d+ tokens/i,
  // Together, SGLang: "The input (516368 tokens) is longer than the model's context length (262144 tokens)"
  /is longer than the (?:model'?s )?(?:maximum )?(?:context|model) length/i,
  // vLLM: "The decoder prompt (length 4100) is longer than the maximum model length of 4096"
  /longer than the maximum model length/i,
  // LM Studio: "tokens to keep from the initial prompt is greater than the context length", "… context length of only …"
  /greater than the context length/i,
  /model is loaded with (?:a )?context length of only/i,
  // Moonshot: "Your request exceeded model token limit: 262144 (requested: 300000)"
  /exceeded model token limit/i,
  // GitHub Copilot: "prompt token count of 9000 exceeds the limit of 8000"
  /prompt token count of \d+ exceeds/i,
  // MiniMax
  /context window exceeds limit/i,
  // Alibaba: "Range of input length should be [1, 30720]"
  /range of input length should be/i,
  // Zhipu
  /prompt exceeds max(?:imum)? length/i,
];

/** A single request above what may be sent per minute never fits, however long one waits: it is too large, not too early. */
const neverFits = /request too large\b[\s\S]{0,300}\btokens per (?:min|day)/i;

export function isLargerThanRateLimit(messages: readonly string[]): boolean {
  return messages.some((message) => neverFits.test(message));
}

/** Whether the body says that the request does not fit into the model's window. */
export function isOverflow(codes: readonly string[], messages: readonly string[]): boolean {
  return (
    codes.some((code) => overflowCodes.has(code)) ||
    messages.some((message) => overflowPhrases.some((phrase) => phrase.test(message)))
  );
}
