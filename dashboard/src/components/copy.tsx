import { Check, Copy } from "lucide-react";
import { type MouseEvent, useEffect, useState } from "react";

import { IconButton } from "@/components/button";
import { copyText } from "@/components/clipboard";
import { useTell } from "@/components/toast";

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  const tell = useTell();
  const copy = async ({ currentTarget }: MouseEvent): Promise<void> => {
    if (await copyText(text, currentTarget.parentElement)) setCopied(true);
    else tell("This browser does not let the page copy. Select the text, and copy it yourself.");
  };
  return (
    <IconButton label={copied ? "Copied" : label} onClick={(event) => void copy(event)}>
      {copied ? <Check aria-hidden className="size-4 text-accent" /> : <Copy aria-hidden className="size-4" />}
    </IconButton>
  );
}

/** Code in its own type, to be copied. */
export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className="flex items-start rounded-card border border-line bg-raised">
      <pre
        aria-label={label}
        // A long line must be reachable by keyboard too.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        className="min-w-0 flex-1 overflow-x-auto p-3 font-mono text-caption"
      >
        {code}
      </pre>
      <div className="shrink-0 p-1.5">
        <CopyButton text={code} label={`Copy ${label}`} />
      </div>
    </div>
  );
}

/** An id or a name in code, short, whole on hover. */
export function Mono({ children, title }: { children: string; title?: string }) {
  return (
    <span className="font-mono text-caption" title={title ?? children}>
      {children}
    </span>
  );
}
