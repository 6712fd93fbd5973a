import { heading } from '../parts.js';

export const events = { title: 'Events', render: () => [heading('Events')] };
