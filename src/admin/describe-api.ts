import { fastify } from 'fastify';
import { systemClock } from '../model/clock.ts';
import { type AdminSource, adminLimits } from './contracts.ts';
import { addLiveRoute } from './live-route.ts';
import { type OpenApi, serveOpenApi } from './openapi.ts';
import { addChangingRoutes, addReadingRoutes } from './routes.ts';

/** The document without a daemon: routes are declared, and none is ever asked. */
export function describeApi(): OpenApi {
  const app = fastify();
  const document = serveOpenApi(app);
  const nobody = {} as AdminSource;
  const { signal } = new AbortController();
  const settings = {
    host: '',
    port: 0,
    allowedHosts: [],
    token: () => undefined,
    limits: adminLimits,
    clock: systemClock,
    onFailure: () => undefined,
  };
  addReadingRoutes(app, nobody, settings, signal);
  addLiveRoute(app, nobody, settings);
  addChangingRoutes(app, nobody, settings, signal);
  return document();
}
