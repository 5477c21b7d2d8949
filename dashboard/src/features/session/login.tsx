import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { LINK, SessionFrame } from "@/features/session/frame";
import { query } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { setAccessToken } from "@/lib/api/session";

/** E-mail, password, and a code where the account asks for one. */
export function Login() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const { next } = useSearch({ strict: false });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const login = query.useMutation("post", "/api/v1/auth/login", {
    onSuccess: async (tokens) => {
      queries.clear();
      setAccessToken(tokens.access_token);
      await navigate({ href: next?.startsWith("/") && !next.startsWith("//") ? next : "/home", replace: true });
    },
  });
  const settings = query.useQuery("get", "/api/v1/public/settings").data;
  const [asksCode, setAsksCode] = useState(false);
  const wantsCode = login.error instanceof ApiError && login.error.code === "mfa_required";
  if (wantsCode && !asksCode) setAsksCode(true);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    login.mutate({ body: { email, password, code: code || null, token_transport: "cookie" } });
  };
  const footer =
    settings?.signup === "on" ? (
      <>
        New here?{" "}
        <Link to="/signup" className={LINK}>
          Create an account
        </Link>
      </>
    ) : (
      "Accounts on this gateway are by invitation."
    );
  return (
    <SessionFrame title="Log in" footer={footer}>
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
        <TextField
          label="Password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={setPassword}
        />
        {asksCode ? (
          <TextField
            label="Code"
            hint="From your authenticator app, or a recovery code."
            autoComplete="one-time-code"
            required
            autoFocus
            value={code}
            onChange={setCode}
          />
        ) : null}
        <FormError error={wantsCode ? null : login.error} />
        <Button kind="primary" type="submit" busy={login.isPending}>
          Log in
        </Button>
        <Link to="/forgot" className={LINK + " self-start text-table"}>
          Forgot your password?
        </Link>
      </form>
    </SessionFrame>
  );
}
