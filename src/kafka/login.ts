import { AuthenticationError, type SASLOptions, saslOAuthBearer, saslPlain, saslScramSha } from '@platformatic/kafka';

/** What is shown to a broker, asked anew for every connection, so that a changed secret counts without a restart. */
export type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'oauthbearer';
      /** Rejects with a FarshoreError when there is none to be had. */
      readonly token: () => Promise<string>;
    };

const names = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512', oauthbearer: 'OAUTHBEARER' } as const;

/**
 * The login for the client. `onSession` hears how long the broker lets the session live (KIP-368), 0 for no limit.
 * The client would log in again on the same socket, and a broker refuses requests that come in between; so it is not
 * told, and whoever hears it opens another connection in time.
 */
export function clientSasl(login: SaslOptions, onSession: (lifetimeMs: number) => void): SASLOptions {
  return {
    mechanism: names[login.mechanism],
    authenticate: (_mechanism, connection, send, _username, _password, _token, callback) => {
      const done: typeof callback = (error, answer) => {
        if (error !== null || answer === undefined) return callback(error, answer);
        // A broker tells why it refuses a token with a success that holds a text.
        if (login.mechanism === 'oauthbearer' && answer.authBytes.length > 0) {
          return callback(new AuthenticationError('the broker refuses the token'), undefined as never);
        }
        onSession(Number(answer.sessionLifetimeMs));
        callback(null, { ...answer, sessionLifetimeMs: 0n });
      };
      switch (login.mechanism) {
        case 'plain':
          saslPlain.authenticate(send, connection, login.username, login.password, done);
          return;
        case 'oauthbearer':
          saslOAuthBearer.authenticate(send, connection, login.token, {}, done);
          return;
        default:
          saslScramSha.authenticate(
            send,
            connection,
            login.mechanism === 'scram-sha-256' ? 'SHA-256' : 'SHA-512',
            login.username,
            login.password,
            saslScramSha.defaultCrypto,
            done,
          );
      }
    },
  };
}
