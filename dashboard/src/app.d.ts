import type { IncomingMessage } from 'node:http';

declare global {
  namespace App {
    interface Platform {
      /** The request, with the door to the mesh that the server put there. */
      readonly req: IncomingMessage & {
        readonly door: {
          events(request: Request): Response;
          api(request: Request, path: string): Promise<Response>;
        };
      };
    }
  }
}
