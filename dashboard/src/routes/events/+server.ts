import { error } from '@sveltejs/kit';

export const GET = ({ platform, request }) =>
  platform?.req.door.events(request) ?? error(503, 'no mesh behind this page');
