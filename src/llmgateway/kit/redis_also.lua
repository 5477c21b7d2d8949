-- also: what an ended request cost, to counters that were seeded while it ran and that it does not hold; once.
-- KEYS: that it was counted, then for each truth the name of its newest counter. ARGV: now (ms, '' = the server's), ms since the
-- request was over, ms that storing may take, prefix, epoch, and as JSON the truths in their order, and the names that it holds.
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', '3600') then return 0 end
local stored, held = clock(ARGV[1]) - tonumber(ARGV[2]) + tonumber(ARGV[3]), {}
for _, name in ipairs(cjson.decode(ARGV[7])) do held[name] = true end
for place, truth in ipairs(cjson.decode(ARGV[6])) do
    local name = redis.call('GET', KEYS[place + 1])
    local key = name and not held[name] and ARGV[4] .. name .. '@' .. ARGV[5]
    local value = key and redis.call('GET', key)
    if value and stored >= tonumber(redis.call('GET', key .. ':read') or '0') then
        redis.call('SET', key, text(bounded(tonumber(value) + truth)), 'KEEPTTL')
    end
end
return 1
