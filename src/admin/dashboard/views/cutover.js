import { heading } from '../parts.js';

export const cutover = { title: 'Cutover', render: () => [heading('Cutover')] };
