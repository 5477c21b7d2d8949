import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Confirm } from "@/components/dialog";
import { Skeleton } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";
import { keysOptions } from "@/lib/org_queries";

interface Props {
  of: Schema["ProjectShown"];
  onClose: () => void;
}

/** Ends a project, once no key would lose its budgets and limits by that. */
export function DeleteProject({ of: project, onClose }: Props) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const keys = useQuery({ ...keysOptions(org.slug), staleTime: 0 });
  const inside = keys.data?.data.filter((key) => key.project_id === project.id && key.revoked_at === null);
  const remove = query.useMutation("delete", "/api/v1/orgs/{org}/projects/{project_id}", {
    onSuccess: async () => {
      onClose();
      tell(`${project.name} is deleted`);
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/projects"] });
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={`Delete ${project.name}`}
      act="Delete project"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate({ params: { path: { org: org.slug, project_id: project.id } } })}
    >
      {keys.isPending ? (
        <Skeleton className="h-5 w-4/5" />
      ) : inside && inside.length > 0 ? (
        <>
          {inside.length === 1 ? "1 key" : `${inside.length} keys`} would lose this project&apos;s budgets and limits:{" "}
          <span className="text-text">{namesOf(inside.map((key) => key.name))}</span>.{" "}
          <Link to="/o/$org/keys" params={{ org: org.slug }} className="font-medium text-accent underline">
            Move or revoke {inside.length === 1 ? "it" : "them"}
          </Link>{" "}
          first; until then the project stays.
        </>
      ) : (
        "No key that still works is in it. Its usage stays."
      )}
    </Confirm>
  );
}

function namesOf(names: readonly string[]): string {
  const [first, more] = [names.slice(0, 3), names.length - 3];
  return more > 0 ? `${first.join(", ")} and ${more} more` : first.join(", ");
}
