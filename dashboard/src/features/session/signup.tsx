import { Link, useSearch } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";

import { Button, buttonClasses } from "@/components/button";
import { TextField } from "@/components/field";
import { FormError, Skeleton } from "@/components/states";
import { LINK, SessionFrame } from "@/features/session/frame";
import { query } from "@/lib/api/client";
import { isAbout, wordsOf } from "@/lib/api/errors";

export const PASSWORD_HINT = "At least 12 characters; a few words are easier to remember than signs.";

/** An account, and with it an organisation or the one that sent an invitation. */
export function Signup() {
  const { invitation } = useSearch({ strict: false });
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [organisation, setOrganisation] = useState("");
  const settings = query.useQuery("get", "/api/v1/public/settings");
  const signup = query.useMutation("post", "/api/v1/auth/signup");
  const login = (
    <>
      Have an account?{" "}
      <Link
        to="/login"
        className={LINK}
        {...(invitation ? { search: { next: `/invitation?token=${invitation}` } } : {})}
      >
        Log in
      </Link>
    </>
  );
  if (settings.isPending) return <Skeleton className="m-6 h-64" />;
  const mode = settings.data?.signup;
  if (mode === "off" || (mode === "invite" && !invitation))
    return (
      <SessionFrame title="By invitation" footer={login}>
        <p className="text-muted">
          Accounts on this gateway are made by invitation. Ask an owner or admin of your organisation; the link comes by
          mail.
        </p>
      </SessionFrame>
    );
  if (signup.isSuccess && invitation)
    return (
      <SessionFrame title="Your account is made">
        <p className="text-muted">The invitation proves your address. Log in, and you are in the organisation.</p>
        <Link to="/login" className={buttonClasses("primary")}>
          Log in
        </Link>
      </SessionFrame>
    );
  if (signup.isSuccess)
    return (
      <SessionFrame title="Look into your mail" footer={login}>
        <p className="text-muted">
          If {email} can have an account, a link is on its way that confirms the address. It works for three days.
        </p>
      </SessionFrame>
    );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    signup.mutate({ body: { email, password, organisation: organisation || null, invitation: invitation ?? null } });
  };
  return (
    <SessionFrame title="Create an account" footer={login}>
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <TextField
          label="E-mail"
          type="email"
          autoComplete="username"
          required
          value={email}
          onChange={setEmail}
          error={isAbout(signup.error, "email") ? wordsOf(signup.error) : null}
        />
        <TextField
          label="Password"
          type="password"
          autoComplete="new-password"
          required
          hint={PASSWORD_HINT}
          value={password}
          onChange={setPassword}
          error={isAbout(signup.error, "password") ? wordsOf(signup.error) : null}
        />
        {invitation ? null : (
          <TextField
            label="Organisation"
            hint="Your company or team; you can rename it."
            autoComplete="organization"
            value={organisation}
            onChange={setOrganisation}
          />
        )}
        <FormError error={signup.error} />
        <Button kind="primary" type="submit" busy={signup.isPending}>
          Create account
        </Button>
      </form>
    </SessionFrame>
  );
}
