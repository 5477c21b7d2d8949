import { Dialog } from "@/components/dialog";
import { SHORTCUTS } from "@/features/shell/shortcuts";

export default function ShortcutList({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Keyboard shortcuts">
      <dl className="divide-y divide-line text-table">
        {SHORTCUTS.map(([keys, act]) => (
          <div key={keys} className="flex justify-between gap-4 py-1.5">
            <dt>{act}</dt>
            <dd>
              <kbd className="rounded border border-line bg-raised px-1.5 font-mono text-caption">{keys}</kbd>
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
