import { error } from '@sveltejs/kit';

const answer = ({
  platform,
  request,
  params,
}: {
  platform?: App.Platform;
  request: Request;
  params: { path: string };
}) => platform?.req.door.api(request, params.path) ?? error(503, 'no mesh behind this page');

export const GET = answer;
export const POST = answer;
