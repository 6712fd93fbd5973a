/** What a state that does not come by the stream is of: a topic, and the epoch of the home it was read in. */
export interface HomeState {
  readonly topic: string;
  readonly homeEpoch: number;
}
