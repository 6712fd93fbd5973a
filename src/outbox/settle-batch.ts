/** What is done with a named batch. */
export type BatchStep = 'mark_published' | 'send';

/**
 * What is done with the open batch, from the name of the last batch that Kafka holds (undefined: none was ever committed).
 *
 * Why a kill loses and doubles nothing: the name is durable before the first send, the rows and the name are one Kafka transaction, there
 * is one open batch at a time, and the name is read after InitProducerId has ended what an earlier relay left open (C9).
 *
 *     named, killed before the commit:      Kafka holds an earlier name    sent again
 *     committed, killed before the mark:    Kafka holds this name          only marked
 *
 * Names are compared for equality. A number that rises would be set back with a restored database, and its next batches, below the one
 * Kafka holds, would be taken for published: lost.
 */
export const stepFor = (batch: string, lastInKafka: string | undefined): BatchStep => (lastInKafka === batch ? 'mark_published' : 'send');

/** How long a refused row holds its topic: doubled with each try, up to five minutes. */
export const holdMs = (attempts: number): number => Math.min(300_000, 1_000 * 2 ** Math.min(attempts, 20));
