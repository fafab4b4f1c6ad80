/**
 * Gives the signed-in user's browser a token for the analytics server. The secret key stays on this server.
 * An application asks its session who that is; here nobody is signed in, and the publishable key is all there is.
 */
export async function POST(): Promise<Response> {
  const token = process.env.ANALYTICS_TOKEN;
  return token ? Response.json({ token }) : Response.json({ detail: "nobody is signed in" }, { status: 401 });
}
