import { heading } from '../parts.js';

export const backfills = { title: 'Backfills', render: () => [heading('Backfills')] };
