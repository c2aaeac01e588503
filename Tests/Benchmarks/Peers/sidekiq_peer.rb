require "sidekiq"

redis = { url: ENV.fetch("PEER_REDIS_URL"), driver: :hiredis }
Sidekiq.configure_client { |config| config.redis = redis }
Sidekiq.configure_server { |config| config.redis = redis }
Sidekiq.logger.level = Logger::WARN
Redis.silence_deprecations = true # else redis-rb 4.8 writes two warnings a job

LOG = File.open(ENV.fetch("PEER_LOG"), "ab")
SLEEP = { "noop" => 0, "sleep100us" => 100e-6, "sleep1ms" => 1e-3 }.fetch(ENV.fetch("PEER_WORK"))

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

class Order
  include Sidekiq::Worker

  def perform(job)
    start = now
    sleep SLEEP if SLEEP > 0
    LOG.syswrite([job["n"], job["t"], start, now].pack("Qddd"))
  end
end

def payload(number, due = now)
  {
    "order" => format("order-%08d", number),
    "customer" => { "id" => number % 1000, "name" => "Ada Lovelace", "email" => "ada@example.com" },
    "lines" => [{ "sku" => "A-1001", "quantity" => 2 }, { "sku" => "B-2002", "quantity" => 1 }],
    "n" => number,
    "t" => due
  }
end

if $PROGRAM_NAME == __FILE__
  first = ENV.fetch("PEER_FIRST").to_i
  numbers = first...(first + ENV.fetch("PEER_JOBS").to_i)
  rate = ENV.fetch("PEER_RATE").to_f
  begun = now
  if rate > 0
    numbers.each do |number|
      due = begun + (number - first) / rate
      sleep [0, due - now].max
      Order.perform_async(payload(number, due))
    end
  elsif ENV["PEER_BULK"] == "1"
    numbers.each_slice(1000) { |slice| Order.perform_bulk(slice.map { |number| [payload(number)] }) }
  else
    numbers.each { |number| Order.perform_async(payload(number)) }
  end
  puts now - begun
end
