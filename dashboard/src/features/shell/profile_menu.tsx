import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Monitor, Moon, Sun, UserRound } from "lucide-react";

import { IconButton } from "@/components/button";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/components/menu";
import { api } from "@/lib/api/client";
import { setAccessToken } from "@/lib/api/session";
import { useMe } from "@/lib/me";
import { setTheme, type Theme, useTheme } from "@/lib/theme";

const THEMES: readonly (readonly [Theme, string, typeof Sun])[] = [
  ["light", "Light", Sun],
  ["dark", "Dark", Moon],
  ["system", "As the system", Monitor],
];

/** Who one is; the theme; the way out. */
export function ProfileMenu() {
  const me = useMe();
  const theme = useTheme();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const leave = async (): Promise<void> => {
    await api.POST("/api/v1/auth/logout", { body: { everywhere: false } });
    setAccessToken(null);
    queries.clear();
    await navigate({ to: "/login" });
  };
  const trigger = (
    <IconButton label="Your account">
      <UserRound aria-hidden className="size-4" />
    </IconButton>
  );
  return (
    <Menu trigger={trigger}>
      <MenuLabel>{me?.user.email}</MenuLabel>
      <MenuItem onSelect={() => void navigate({ to: "/profile" })}>Profile and sessions</MenuItem>
      {me?.user.operator ? <MenuItem onSelect={() => void navigate({ to: "/admin" })}>Platform</MenuItem> : null}
      <MenuLine />
      <MenuLabel>Theme</MenuLabel>
      {THEMES.map(([name, title, Icon]) => (
        <MenuItem key={name} onSelect={() => setTheme(name)}>
          <Icon aria-hidden className="size-4" />
          {title}
          {theme === name ? <span className="ml-auto text-caption text-faint">chosen</span> : null}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem onSelect={() => void leave()}>Log out</MenuItem>
    </Menu>
  );
}
