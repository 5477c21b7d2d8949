-- also: what a request cost, once it is stored, to counters that were read without it and that it does not hold; once.
-- KEYS: that it was counted, then for each truth where its newest counter is told. ARGV: now (ms, '' = the server's), ms since
-- it was stored, prefix, epoch, and as JSON the truths in their order, and the names that it holds.
-- A counter that is being read by now learns of it from `late`, when it is seeded.
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', '3600') then return 0 end
local stored, held = clock(ARGV[1]) - tonumber(ARGV[2]), {}
for _, name in ipairs(cjson.decode(ARGV[6])) do held[name] = true end
for place, truth in ipairs(cjson.decode(ARGV[5])) do
    local name, late = redis.call('GET', KEYS[place + 1]), KEYS[place + 1] .. ':late'
    local key = name and not held[name] and ARGV[3] .. name .. '@' .. ARGV[4]
    local value = key and redis.call('GET', key)
    if value and stored >= tonumber(redis.call('GET', key .. ':read') or '0') then
        redis.call('SET', key, text(bounded(tonumber(value) + truth)), 'KEEPTTL')
    end
    redis.call('RPUSH', late, text(stored), text(truth), ARGV[6])
    redis.call('EXPIRE', late, '60')
end
return 1
