import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { TextField } from "@/components/field";
import { FormError, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { Mfa } from "@/features/profile/mfa";
import { NewOrganisation } from "@/features/profile/new_organisation";
import { Sessions } from "@/features/profile/sessions";
import { query, type Schema } from "@/lib/api/client";
import { useMe } from "@/lib/me";

/** One's own account. */
export function Profile() {
  const me = useMe();
  const first = me?.orgs[0];
  const back = first ? (
    <Link to="/o/$org" params={{ org: first.slug }} className="text-table font-medium text-accent">
      ← {first.name}
    </Link>
  ) : null;
  return (
    <main className="mx-auto max-w-3xl px-4 py-8">
      <div className="mb-4">{back}</div>
      <PageHead title="Profile" answer={me ? `You are ${me.user.email}.` : null} />
      {me ? (
        <div className="flex flex-col gap-4">
          {first ? null : <NewOrganisation />}
          <Card title="Name and address">
            <div className="grid gap-6 sm:grid-cols-2">
              <Name of={me.user} />
              <Address of={me.user} />
            </div>
          </Card>
          <Card title="Password">
            <Password />
          </Card>
          <Card title="Second factor">
            <Mfa on={me.user.mfa} />
          </Card>
          <Sessions />
        </div>
      ) : (
        <SkeletonRows />
      )}
    </main>
  );
}

function Name({ of: user }: { of: Schema["Profile"] }) {
  const tell = useTell();
  const queries = useQueryClient();
  const [name, setName] = useState(user.name);
  const save = query.useMutation("patch", "/api/v1/me", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/me"] });
      tell("Saved");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({ body: { name } });
  };
  return (
    <form className="flex flex-col items-start gap-3" onSubmit={submit}>
      <TextField label="Name" autoComplete="name" required maxLength={100} value={name} onChange={setName} />
      <FormError error={save.error} />
      <Button type="submit" busy={save.isPending}>
        Save name
      </Button>
    </form>
  );
}

function Address({ of: user }: { of: Schema["Profile"] }) {
  const tell = useTell();
  const [email, setEmail] = useState(user.email);
  const [password, setPassword] = useState("");
  const save = query.useMutation("post", "/api/v1/me/email", {
    onSuccess: () => {
      setPassword("");
      tell(`A link is on its way to ${email}; the address changes when you open it`);
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({ body: { email, password } });
  };
  return (
    <form className="flex flex-col items-start gap-3" onSubmit={submit}>
      <TextField label="E-mail" type="email" autoComplete="username" required value={email} onChange={setEmail} />
      {email === user.email ? null : (
        <TextField
          label="Your password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={setPassword}
        />
      )}
      <FormError error={save.error} />
      <Button type="submit" busy={save.isPending} disabled={email === user.email}>
        Change address
      </Button>
    </form>
  );
}

function Password() {
  const tell = useTell();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const save = query.useMutation("post", "/api/v1/me/password", {
    onSuccess: () => {
      setCurrent("");
      setPassword("");
      tell("Your password is changed; all other sessions are ended");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({ body: { current_password: current, password } });
  };
  return (
    <form className="flex flex-col items-start gap-3" onSubmit={submit}>
      <div className="grid w-full gap-4 sm:grid-cols-2">
        <TextField
          label="Current password"
          type="password"
          autoComplete="current-password"
          required
          value={current}
          onChange={setCurrent}
        />
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          required
          value={password}
          onChange={setPassword}
        />
      </div>
      <FormError error={save.error} />
      <Button type="submit" busy={save.isPending}>
        Change password
      </Button>
    </form>
  );
}
