import { heading } from '../parts.js';

export const tables = { title: 'Tables', render: () => [heading('Tables')] };
