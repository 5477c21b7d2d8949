-- also: what an ended request cost, to counters that were seeded while it ran and that it does not hold.
-- KEYS: names of an organisation's counters. ARGV: now (ms, '' = the server's), ms since the request was over, ms that storing
-- may take, prefix, epoch, as JSON an object of what names begin with and truths, and as JSON a list of the names that it holds.
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local stored = now - tonumber(ARGV[2]) + tonumber(ARGV[3])
local truths, held = cjson.decode(ARGV[6]), {}
for _, name in ipairs(cjson.decode(ARGV[7])) do held[name] = true end
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    local base = string.match(name, '^[^#]*')
    local truth = truths[base] or truths[string.match(base, '^(.*):')]
    local key = ARGV[4] .. name .. '@' .. ARGV[5]
    local value = redis.call('GET', key)
    if not value then
        redis.call('SREM', KEYS[1], name)
    elseif truth and not held[name] and stored >= tonumber(redis.call('GET', key .. ':read') or '0') then
        redis.call('SET', key, string.format('%.0f', math.min(tonumber(value) + truth, 9e15)), 'KEEPTTL')
    end
end
return 1
