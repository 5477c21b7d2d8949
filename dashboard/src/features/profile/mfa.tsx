import { useQueryClient } from "@tanstack/react-query";
import { QRCodeSVG } from "qrcode.react";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { CodeBlock, CopyButton, Mono } from "@/components/copy";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query } from "@/lib/api/client";

/** Codes of an authenticator app, beside the password. */
export function Mfa({ on }: { on: boolean }) {
  const queries = useQueryClient();
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const again = () => queries.invalidateQueries({ queryKey: ["get", "/api/v1/me"] });
  if (codes)
    return (
      <div className="flex flex-col items-start gap-3">
        <p className="text-muted">
          {on ? "The former recovery codes have ended. Keep these new ones: " : "It is on. Keep these recovery codes: "}
          each lets you in once, without the app. They are shown this once.
        </p>
        <CodeBlock label="the recovery codes" code={codes.join("\n")} />
        <Button
          kind="primary"
          onClick={() => {
            setCodes(null);
            void again();
          }}
        >
          I have kept them
        </Button>
      </div>
    );
  return on ? <Change onOff={again} onCodes={setCodes} /> : <TurnOn onDone={setCodes} />;
}

function TurnOn({ onDone }: { onDone: (codes: readonly string[]) => void }) {
  const [code, setCode] = useState("");
  const begin = query.useMutation("post", "/api/v1/me/mfa");
  const confirm = query.useMutation("post", "/api/v1/me/mfa/confirm", {
    onSuccess: (done) => onDone(done.recovery_codes),
  });
  if (!begin.data)
    return (
      <div className="flex flex-col items-start gap-3">
        <p className="text-muted">Off. With it, a stolen password alone does not let anybody in.</p>
        <FormError error={begin.error} />
        <Button busy={begin.isPending} onClick={() => begin.mutate({})}>
          Turn on
        </Button>
      </div>
    );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    confirm.mutate({ body: { code } });
  };
  return (
    <form className="flex flex-col items-start gap-4" onSubmit={submit}>
      <p className="text-muted">Scan this with your authenticator app, then type the code that it shows.</p>
      <QRCodeSVG
        value={begin.data.uri}
        size={160}
        title="The secret for your authenticator app"
        className="rounded bg-white p-2"
      />
      <p className="flex items-center gap-1 text-caption text-faint">
        or type <Mono>{begin.data.secret}</Mono> <CopyButton text={begin.data.secret} label="Copy the secret" />
      </p>
      <TextField
        label="Code"
        autoComplete="one-time-code"
        inputMode="numeric"
        required
        value={code}
        onChange={setCode}
      />
      <FormError error={confirm.error} />
      <Button kind="primary" type="submit" busy={confirm.isPending}>
        Confirm
      </Button>
    </form>
  );
}

interface ChangeProps {
  onOff: () => Promise<unknown>;
  onCodes: (codes: readonly string[]) => void;
}

function Change({ onOff, onCodes }: ChangeProps) {
  const tell = useTell();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const renew = query.useMutation("post", "/api/v1/me/mfa/recovery-codes", {
    onSuccess: (done) => onCodes(done.recovery_codes),
  });
  const off = query.useMutation("post", "/api/v1/me/mfa/disable", {
    onSuccess: async () => {
      await onOff();
      tell("The second factor is off");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    off.reset();
    renew.mutate({ body: { password, code } });
  };
  const turnOff = (): void => {
    renew.reset();
    off.mutate({ body: { password, code } });
  };
  return (
    <form className="flex flex-col items-start gap-4" onSubmit={submit}>
      <p className="text-muted">On: logging in takes a code of your app. To change that, prove that it is you.</p>
      <div className="grid w-full gap-4 sm:grid-cols-2">
        <TextField
          label="Password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={setPassword}
        />
        <TextField label="Code" autoComplete="one-time-code" required value={code} onChange={setCode} />
      </div>
      <FormError error={off.error ?? renew.error} />
      <div className="flex gap-2">
        <Button type="submit" busy={renew.isPending}>
          New recovery codes
        </Button>
        <Button kind="danger" busy={off.isPending} disabled={!password || !code} onClick={turnOff}>
          Turn off
        </Button>
      </div>
    </form>
  );
}
