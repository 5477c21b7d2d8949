import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type SubmitEvent, useEffect, useState } from "react";

import { Button, buttonClasses } from "@/components/button";
import { TextField } from "@/components/field";
import { FormError, Skeleton } from "@/components/states";
import { LINK, SessionFrame } from "@/features/session/frame";
import { PASSWORD_HINT } from "@/features/session/signup";
import { query, type Schema } from "@/lib/api/client";
import { ApiError, wordsOf } from "@/lib/api/errors";
import { accessToken } from "@/lib/api/session";

const toLogin = (
  <Link to="/login" className={LINK}>
    To the login
  </Link>
);

/** The link of a mail that confirms an address. */
export function Verify() {
  const { token = "" } = useSearch({ strict: false });
  const verify = query.useMutation("post", "/api/v1/auth/verify");
  const { mutate } = verify;
  useEffect(() => mutate({ body: { token } }), [mutate, token]);
  return (
    <SessionFrame title={verify.isSuccess ? "Your address is confirmed" : "Confirming your address"} footer={toLogin}>
      {verify.error ? <FormError error={verify.error} /> : null}
      {verify.isPending ? <Skeleton /> : null}
      {verify.isSuccess ? (
        <Link to="/home" className={buttonClasses("primary")}>
          Go on
        </Link>
      ) : null}
    </SessionFrame>
  );
}

/** Asks for a link that sets a new password. */
export function Forgot() {
  const [email, setEmail] = useState("");
  const forgot = query.useMutation("post", "/api/v1/auth/forgot");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    forgot.mutate({ body: { email } });
  };
  return (
    <SessionFrame title="A new password" footer={toLogin}>
      {forgot.isSuccess ? (
        <p className="text-muted">If {email} has an account, a link is on its way. It works for an hour.</p>
      ) : (
        <form className="flex flex-col gap-4" onSubmit={submit}>
          <TextField
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={setEmail}
          />
          <FormError error={forgot.error} />
          <Button kind="primary" type="submit" busy={forgot.isPending}>
            Send a link
          </Button>
        </form>
      )}
    </SessionFrame>
  );
}

/** The link of a mail that sets a new password. */
export function Reset() {
  const { token = "" } = useSearch({ strict: false });
  const [password, setPassword] = useState("");
  const reset = query.useMutation("post", "/api/v1/auth/reset");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    reset.mutate({ body: { token, password } });
  };
  return (
    <SessionFrame title={reset.isSuccess ? "Your password is changed" : "Choose a new password"} footer={toLogin}>
      {reset.isSuccess ? (
        <p className="text-muted">All your sessions were ended. Log in with the new password.</p>
      ) : (
        <form className="flex flex-col gap-4" onSubmit={submit}>
          <TextField
            label="New password"
            type="password"
            autoComplete="new-password"
            required
            autoFocus
            hint={PASSWORD_HINT}
            value={password}
            onChange={setPassword}
          />
          <FormError error={reset.error} />
          <Button kind="primary" type="submit" busy={reset.isPending}>
            Set password
          </Button>
        </form>
      )}
    </SessionFrame>
  );
}

/** The link of a mail that invites. */
export function Invitation() {
  const { token = "" } = useSearch({ strict: false });
  const seen = query.useQuery(
    "post",
    "/api/v1/invitations/look",
    { body: { token } },
    { enabled: token !== "", staleTime: 0 },
  );
  if (token === "") return <Ended>Its link is not complete. Open it from the mail once more.</Ended>;
  if (seen.error instanceof ApiError && seen.error.status === 400) return <Ended>{wordsOf(seen.error)}</Ended>;
  return (
    <SessionFrame title={seen.data ? `${seen.data.organisation} invites you` : "You are invited"}>
      {seen.error ? <FormError error={seen.error} /> : null}
      {seen.isPending ? <Skeleton className="h-24 w-full" /> : null}
      {seen.data ? <Open of={seen.data} token={token} /> : null}
    </SessionFrame>
  );
}

function Open({ of: seen, token }: { of: Schema["InvitationSeen"]; token: string }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const accept = query.useMutation("post", "/api/v1/invitations/accept", {
    onSuccess: async () => {
      await queries.invalidateQueries();
      await navigate({ to: "/home" });
    },
  });
  const known = accessToken() !== null;
  return (
    <>
      <p className="text-muted">
        As {seen.role}, with the address <strong className="font-medium break-words text-text">{seen.email}</strong>.{" "}
        {known
          ? "Accept, and the organisation appears in your list."
          : "Log in with this address, or make an account with it."}
      </p>
      {known ? (
        <>
          <FormError error={accept.error} />
          <Button kind="primary" busy={accept.isPending} onClick={() => accept.mutate({ body: { token } })}>
            Accept the invitation
          </Button>
        </>
      ) : (
        <>
          <Link to="/login" search={{ next: `/invitation?token=${token}` }} className={buttonClasses("primary")}>
            Log in
          </Link>
          <Link to="/signup" search={{ invitation: token }} className={buttonClasses("secondary")}>
            Create an account
          </Link>
        </>
      )}
    </>
  );
}

function Ended({ children }: { children: string }) {
  return (
    <SessionFrame title="This invitation does not work" footer={toLogin}>
      <p className="text-muted">{children}</p>
    </SessionFrame>
  );
}
