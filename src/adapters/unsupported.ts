/** What the chosen API has no word for. It says what, and what to do; the request is not sent. */
export class UnsupportedRequest extends Error {
  override readonly name = 'UnsupportedRequest';
}
