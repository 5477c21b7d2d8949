import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useState } from "react";

import { Button, IconButton } from "@/components/button";
import { classes } from "@/components/classes";
import { TextField } from "@/components/field";
import { useFocus } from "@/components/opener";
import { FormError } from "@/components/states";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  wide?: boolean;
  /** Only its own buttons close it: no Esc, no click beside it. */
  firm?: boolean;
}

export function Dialog({ open, onClose, title, description, children, wide = false, firm = false }: DialogProps) {
  const focus = useFocus(open);
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && !firm && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content
          {...focus}
          {...(description ? {} : { "aria-describedby": undefined })}
          className={classes(
            "appear fixed top-[8vh] left-1/2 z-50 max-h-[84vh] w-[calc(100vw-2rem)] -translate-x-1/2 overflow-y-auto",
            "rounded-card border border-line bg-surface p-5 shadow-float",
            wide ? "max-w-2xl" : "max-w-md",
          )}
        >
          <div className="mb-4 flex items-start justify-between gap-4">
            <div>
              <Radix.Title className="text-body font-semibold">{title}</Radix.Title>
              {description ? (
                <Radix.Description className="mt-1 text-table text-muted">{description}</Radix.Description>
              ) : null}
            </div>
            {firm ? null : (
              <Radix.Close asChild>
                <IconButton label="Close">
                  <X aria-hidden className="size-4" />
                </IconButton>
              </Radix.Close>
            )}
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** What will happen, in a sentence. */
  children: ReactNode;
  /** The act, as the button says it: Revoke key. */
  act: string;
  onConfirm: () => void;
  busy: boolean;
  error: unknown;
  /** The name that must be typed, where nothing brings it back. */
  typed?: string;
}

export function Confirm({ open, onClose, title, children, act, onConfirm, busy, error, typed }: ConfirmProps) {
  const [said, setSaid] = useState("");
  return (
    <Dialog open={open} onClose={onClose} title={title}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        <div className="text-muted">{children}</div>
        {typed ? (
          <TextField label={`Type ${typed} to confirm`} value={said} onChange={setSaid} autoComplete="off" />
        ) : null}
        <FormError error={error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" type="submit" busy={busy} disabled={typed !== undefined && said !== typed}>
            {act}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
