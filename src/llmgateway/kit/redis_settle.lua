-- settle: give gauges back, and windows and counters their true cost; once.
-- KEYS: ticket, open tickets. ARGV: now (ms, '' = the server's), ticket id, prefix, epoch, ms since the ticket was over,
-- ms that storing may take, and as JSON an object of names and truths.
-- Answers 1 when the ticket was open. A ticket that the server lost (a flush, a restart, the death of its process) still
-- counts what it cost, unless the counter was read from elsewhere after that was stored there.
redis.call('ZREM', KEYS[2], KEYS[1])
local truths = cjson.decode(ARGV[7])
for name, truth in pairs(truths) do truths[name] = bounded(truth) end

local function stored() return clock(ARGV[1]) - tonumber(ARGV[5]) + tonumber(ARGV[6]) end
-- Whether a counter was read when this was stored already, and so has it.
local function has(key) return stored() < tonumber(redis.call('GET', key .. ':read') or '0') end

-- What a counter neither holds nor has comes on top of it; its seed looks at what is late for it.
local function add(key, truth)
    local value = redis.call('GET', key)
    if not value then
        redis.call('RPUSH', key .. ':late', text(stored()), text(truth))
        redis.call('EXPIRE', key .. ':late', '60')
    elseif not has(key) then
        redis.call('SET', key, text(bounded(tonumber(value) + truth)), 'KEEPTTL')
    end
end

local held = redis.call('HGET', KEYS[1], 'held')
if not held then
    if redis.call('SET', KEYS[1] .. ':done', '1', 'NX', 'EX', '3600') then
        for name, truth in pairs(truths) do add(ARGV[3] .. name .. '@' .. ARGV[4], truth) end
    end
    return 0
end
for _, claim in ipairs(cjson.decode(held)) do
    local kind, name, key, reserved = claim[1], claim[2], claim[3], tonumber(claim[4])
    if kind == 'g' then
        for unit = 1, reserved do
            redis.call('ZREM', key, unit == 1 and ARGV[2] or (ARGV[2] .. '|' .. unit))
        end
    elseif truths[name] then
        local value, truth = redis.call('GET', key), truths[name]
        if value and kind == 'c' and ARGV[5] ~= '0' and has(key) then truth = 0 end
        if value and truth ~= reserved then
            redis.call('SET', key, text(bounded(tonumber(value) + truth - reserved)), 'KEEPTTL')
        elseif not value and kind == 'c' then
            add(key, truths[name])
        end
    end
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1] .. ':done', '1', 'EX', '3600')
return 1
