import { heading } from '../parts.js';

export const audit = { title: 'Audit', render: () => [heading('Audit')] };
