import { heading } from '../parts.js';

export const partitions = { title: 'Partitions', render: () => [heading('Partitions')] };
