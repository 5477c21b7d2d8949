import { CodeBlock } from "@/components/copy";
import { Dialog } from "@/components/dialog";
import { actWords } from "@/features/audit/acts";
import type { Schema } from "@/lib/api/client";
import { exact } from "@/lib/time";

interface Props {
  of: Schema["AuditEntry"];
  who: string;
  onClose: () => void;
}

/** One act whole: what stood before it, and after. */
export function EntryDialog({ of: entry, who, onClose }: Props) {
  const from = entry.address ? `, from ${entry.address}` : "";
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={actWords(entry.action)}
      description={`${who}, ${exact(entry.created_at)}${from}`}
    >
      <div className="flex flex-col gap-4">
        <p className="font-mono text-caption break-all text-muted">
          {entry.action}
          {entry.target ? ` · ${entry.target}` : ""}
        </p>
        <Side title="Before" of={entry.before} none="Nothing stood before." />
        <Side title="After" of={entry.after} none="Nothing more was written down." />
      </div>
    </Dialog>
  );
}

function Side({ title, of, none }: { title: string; of: Record<string, unknown> | null; none: string }) {
  return (
    <section>
      <h3 className="mb-1 text-table font-medium">{title}</h3>
      {of ? (
        <CodeBlock label={title.toLowerCase()} code={JSON.stringify(of, null, 2)} />
      ) : (
        <p className="text-table text-muted">{none}</p>
      )}
    </section>
  );
}
