import { heading } from '../parts.js';

export const rejected = { title: 'Rejected', render: () => [heading('Rejected')] };
