/** What an experienced engineer would answer. */
export interface Expectation {
  readonly strategy: 'embed' | 'mount' | 'depends'
  /**
   * Ballast is not needed: keep `COPY` (embed), or the directory, volume or download at start (mount).
   * Without it Ballast is expected to be worth its upkeep.
   */
  readonly plain?: true
  /** Where the model lies in the image, only where an expert is certain. */
  readonly position?: 'top' | 'bottom'
  /** For `depends`: the flag whose value decides. */
  readonly on?: string
}

/** One team's case, as it would be typed after `ballast advise`. */
export interface Situation {
  /** One line, unique among the situations. */
  readonly name: string
  readonly flags: readonly string[]
  readonly expect: Expectation
  readonly because: string
  /** The published case it is taken from; what that leaves open is filled in with ordinary figures. */
  readonly source?: string
}

/** A command line of flags without quoting. */
function typed(line: string): readonly string[] {
  return line.split(' ')
}

/**
 * Answers argued before the model of costs was tuned; a disagreement is recorded as a miss, the expectation stays.
 *
 * The rules of thumb behind the arithmetic: `docker build` copies the model into the builder, packs it on one
 * processor at some 40 MB/s and uploads it whole; a pull writes the blob and then unpacks it, so a cold pull
 * takes about twice a plain download at several GB and no longer at 2 GB and below; 1 Gbps is 125 MB/s; a
 * rolling restart takes minutes; something that runs on every node costs an hour or more of somebody's month,
 * a tool in the release pipeline a quarter of one.
 */
export const SITUATIONS: readonly Situation[] = [
  // Small models that change seldom: nothing to gain.
  {
    name: 'A churn classifier of 12 MB, retrained once a month, on three servers',
    flags: typed(
      '--size 12MB --updates 1/month --code-updates 4/month --image-size 900MB --nodes 3 --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'The model is 1 % of the image and code goes out four times as often: a monthly COPY adds seconds to a build that runs anyway, and any tool costs more than it saves.',
  },
  {
    name: 'A scikit-learn model of a few MB in an image of 3.7 GB built by MLflow',
    flags: typed(
      '--size 5MB --updates 2/month --code-updates 1/month --image-size 3.7GB --nodes 2 --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'What hurts is the base image, 700 times the model; its layers do not change with the model, and moving 5 MB another way leaves the 3.7 GB where they are.',
    source: 'https://github.com/mlflow/mlflow/pull/10954',
  },
  {
    name: 'A BERT classifier of 400 MB, fine-tuned once a month, on four nodes',
    flags: typed('--size 400MB --updates 1/month --code-updates 4/month --nodes 4 --environment production'),
    expect: { strategy: 'embed', plain: true },
    because:
      'The published rule is to embed below 500 MB, and at one update a month it holds: packing 10 s, upload and pull 3 s each at 1 Gbps, once a month.',
    source: 'https://theneuralbase.com/docker-for-ml/learn/advanced/model-weights-in-containers-tradeoffs/',
  },
  {
    name: 'A vision model of 2 GB on a swarm of twelve, renewed every month',
    flags: typed(
      '--size 2GB --updates 1/month --code-updates 2/month --nodes 12 --platform swarm --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'One update a month: about a minute to pack, 16 s to upload, half a minute for all nodes to pull and unpack; some minutes a month do not pay for a plugin on twelve nodes.',
  },
  {
    name: 'A fraud model of 60 MB whose features live in the code, released together every week',
    flags: typed(
      '--size 60MB --updates weekly --code-updates weekly --coupling tight --team same --nodes 4 --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'Code and model always go out together, so the image is built each week anyway, and the model adds two seconds to it; a second channel could only bring them out of step.',
  },
  {
    name: 'A language model of 6 GB on three servers, replaced once a month',
    flags: typed(
      '--size 6GB --updates 1/month --code-updates 2/month --image-size 5GB --nodes 3 --replicas 3 --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'About six minutes for a new model and, with the model copied before the code, little for a code change: under half an hour a month, which is what any further tool would take in upkeep.',
  },
  {
    name: 'The same image tested on staging and promoted to production, 1.5 GB twice a month',
    flags: typed(
      '--size 1.5GB --updates 2/month --code-updates 4/month --nodes 2 --immutable --environment staging',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'What was tested must be what is promoted, so the model is in the image; two builds of two minutes a month are all there is to save.',
  },

  // Frequent updates of small models: the rollout costs, not the bytes.
  {
    name: 'A fraud model of 15 MB retrained every hour, the service reloads it',
    flags: typed(
      '--size 15MB --updates hourly --code-updates 2/month --nodes 6 --replicas 12 --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      '720 updates a month: at three minutes a build and rolling restart that is 36 hours of rollouts, and some replica is always restarting; a shared copy that is switched moves the 15 MB and restarts nothing.',
  },
  {
    name: 'Recommender embeddings of 200 MB, hourly, from a data team to 24 swarm nodes',
    flags: typed(
      '--size 200MB --updates hourly --code-updates weekly --nodes 24 --replicas 48 --platform swarm --team separate --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Bytes are the same either way (2 s a node); 720 rolling restarts of 48 replicas, each ordered from another team, are not.',
  },
  {
    name: 'A click-rate model of 40 MB every half hour',
    flags: typed(
      '--size 40MB --updates 48/day --code-updates 4/month --nodes 10 --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      '1,440 updates a month; a rollout over ten nodes takes minutes of each half hour, so the fleet would never be in one state, whatever the size.',
  },
  {
    name: 'A pricing model of 80 MB, four times a day, on twenty nodes, released by data scientists',
    flags: typed(
      '--size 80MB --updates 4/day --code-updates 2/month --nodes 20 --replicas 40 --team separate --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      '120 updates a month against two code releases: at four minutes a rollout and some minutes of hand-over between the teams that is ten hours or more, against a plugin that costs one or two.',
  },

  // Several GB.
  {
    name: 'A saved TensorFlow model of 2 GB, new weights every day, code seldom',
    flags: typed(
      '--size 2GB --updates daily --code-updates 1/month --image-size 1.5GB --changed 99% --nodes 3 --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'A hot swap needs a framework that reloads, and this one restarts anyway, so a mount saves little. Putting only the weights above the unchanged image saves the daily build, copy and packing: two minutes of three, thirty times a month.',
    source: 'https://github.com/bentoml/BentoML/pull/1199',
  },
  {
    name: 'A model of 6 GB on three nodes, a daily update that touches 5 % of it',
    flags: typed(
      '--size 6GB --updates daily --changed 5% --code-updates 1/month --image-size 5GB --nodes 3 --team same --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'COPY packs and moves 6 GB a day, over five minutes each time; appended layers move the 300 MB that changed. A mount would move the same and, without reload, restart the same: it saves seconds a day and adds a part.',
  },
  {
    name: 'A language model of 15 GB of which a weekly adapter is 2 %',
    flags: typed(
      '--size 15GB --updates weekly --changed 2% --code-updates 1/month --nodes 8 --link 1Gbps --coupling tight --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'The adapter is 300 MB, 3 s a node; COPY of the directory makes one layer of 15 GB of it every week, six minutes to pack and four to pull and unpack on each of eight nodes. The coupling asks for one artefact.',
  },
  {
    name: 'A language model of 15 GB of which a daily adapter is 2 %, loaded while it serves',
    flags: typed(
      '--size 15GB --updates daily --changed 2% --code-updates 2/month --nodes 8 --replicas 8 --link 10Gbps --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'The 300 MB take seconds, but a restart loads 15 GB into the accelerator again, a minute or two on each of eight nodes every day: four to eight machine hours a month that a reload in place does not spend.',
  },
  {
    name: 'A server that sleeps when idle, 9 GB, on two nodes that keep their images',
    flags: typed(
      '--size 9GB --updates 1/month --code-updates 1/month --nodes 2 --scale-to-zero --cold-starts 2/month --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'Waking finds the image on the node, whatever its size; a download at start would fetch 9 GB, 72 s, at each waking. One build of some ten minutes a month is no reason for more.',
  },

  // Published starts on Kubernetes.
  {
    name: 'A 1B model of 2 GB on Kubernetes, renewed monthly',
    flags: typed(
      '--size 2GB --updates 1/month --code-updates 2/month --nodes 4 --replicas 4 --cold-starts 10/month --platform kubernetes --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'Measured cold, the image takes 38.6 s and a download 39.6 s: at this size they are the same, so the way with the fewest parts wins, and it is the faster one warm (11.5 s against 30 s).',
    source: 'https://github.com/kserve/kserve/pull/5852',
  },
  {
    name: 'A 7B model of 14 GB on an autoscaled cluster, nobody has counted the cold starts',
    flags: typed(
      '--size 14GB --updates 1/month --code-updates 2/month --nodes 12 --replicas 12 --platform kubernetes --link 1Gbps --environment production',
    ),
    expect: { strategy: 'depends', on: '--cold-starts' },
    because:
      'Measured cold, an image takes 443 s and a stream 138 s: five minutes a start. At five starts a month that is half an hour and the image is simpler; at three hundred it is 25 hours of idle accelerators.',
    source: 'https://github.com/kserve/kserve/pull/5852',
  },
  {
    name: 'A 70B model of 140 GB that scales out to fresh GPU nodes',
    flags: typed(
      '--size 140GB --updates 1/month --code-updates 4/month --nodes 10 --replicas 10 --cold-starts 40/month --platform kubernetes --link 1Gbps --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'A cold image of this size was measured at twice a stream, 4,585 s against 2,319 s: 40 starts are 25 hours. A download in the pod would repeat 40 minutes at each of the four code releases on ten nodes: one copy a node, mounted by whatever pod comes.',
    source: 'https://github.com/kserve/kserve/issues/3663',
  },
  {
    name: 'Every new pod on a node downloads the same 3 GB again under load',
    flags: typed(
      '--size 3GB --updates 1/month --code-updates 2/month --nodes 4 --replicas 24 --cold-starts 4/month --platform kubernetes --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'What is asked for is one copy a node for all its pods, and an image is that already: pods 2 to 6 start with the bytes there. One build of three minutes a month buys it without anything new on the nodes.',
    source: 'https://github.com/kserve/kserve/issues/1741',
  },
  {
    name: 'An 8B model of 15 GB in an image of 20 GB that takes eleven minutes to start',
    flags: typed(
      '--size 15GB --image-size 5.2GB --updates 1/month --code-updates 8/month --nodes 10 --replicas 30 --cold-starts 120/month --platform kubernetes --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Published: 5 to 6 minutes of pull and 3 to 4 of unpacking, three quarters of it the weights; 120 starts are some 14 hours a month. A download for each pod repeats 15 GB for 30 replicas at every release, a copy for each node does not.',
    source: 'https://bentoml.com/blog/cold-starting-llms-on-kubernetes-in-under-30-seconds',
  },
  {
    name: 'A public 7B model of 14.5 GB for whoever opens a GPU node',
    flags: typed(
      '--size 14.5GB --updates never --code-updates 1/month --nodes 20 --replicas 20 --cold-starts 200/month --platform kubernetes --link 10Gbps --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'Published: over 20 minutes out of the image registry, 31 s from the public hub. The files never change and the hub serves them to anybody, so a download at start does it with nothing to run.',
    source: 'https://github.com/kaito-project/kaito/issues/982',
  },

  // Very large models on many nodes.
  {
    name: 'A model of 140 GB on forty nodes, a new version every week',
    flags: typed(
      '--size 140GB --updates 1/week --code-updates 2/month --nodes 40 --replicas 40 --environment production --link 1Gbps --apps 1 --tenants 1 --coupling loose',
    ),
    expect: { strategy: 'mount' },
    because:
      'COPY packs 140 GB for an hour every week, and each of forty nodes writes it twice; 19 minutes to fetch and as long to unpack, on nodes that must hold blob and snapshot. A volume writes it once and code releases do not touch it.',
  },
  {
    name: 'A model of 40 GB renewed daily on twelve GPU nodes by a research team',
    flags: typed(
      '--size 40GB --updates daily --code-updates weekly --nodes 12 --replicas 12 --link 10Gbps --team separate --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Thirty builds a month of a quarter of an hour and more, each ordered from another team, then a second pass over 40 GB on each node and a restart that loads it again; the mount fetches once and reloads.',
  },
  {
    name: 'A model of 140 GB where policy allows only one signed image',
    flags: typed(
      '--size 140GB --updates 1/month --code-updates 4/month --nodes 6 --replicas 6 --immutable --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'bottom' },
    because:
      'The policy decides, although a cold image of this size takes twice a stream (4,585 s against 2,319 s). With the model beneath the code four releases a month unpack megabytes instead of 140 GB, and no build packs them.',
    source: 'https://github.com/kserve/kserve/pull/5852',
  },

  // One artefact: policy and coupling.
  {
    name: 'A certified imaging model of 6 GB, retrained weekly, one signed artefact',
    flags: typed(
      '--size 6GB --updates weekly --code-updates 1/month --nodes 10 --immutable --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'What runs must be one digest. Appending to the approved image saves copy and packing, some four minutes a week, and leaves all layers below as they were certified, which a rebuild does not.',
  },
  {
    name: 'Data scientists release a model of 3 GB three times a week into a signed image',
    flags: typed(
      '--size 3GB --updates 12/month --code-updates 2/month --nodes 8 --team separate --immutable --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'Policy forbids a volume; appending without a build lets the other team release into the approved image without the application team, its sources or its pipeline, twelve times a month.',
  },
  {
    name: 'A model of 24 GB and its inference code that only work together',
    flags: typed(
      '--size 24GB --updates weekly --code-updates weekly --coupling tight --team same --changed 40% --nodes 6 --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed' },
    because:
      'A node with the new code and the old model fails, so they travel as one. COPY packs 24 GB, ten minutes, for each release; layers for each file move the 40 % that changed.',
  },
  {
    name: 'A model of 20 MB with its generated feature code, released together every hour',
    flags: typed(
      '--size 20MB --updates hourly --code-updates 1/month --coupling tight --nodes 4 --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'The coupling forbids a mount in spite of 720 updates; what can be saved is the build, a minute or more each time: twelve hours a month for a tool in the pipeline.',
  },
  {
    name: 'A container of 13 GB that must stay one image and takes ten minutes to start',
    flags: typed(
      '--size 13GB --updates 1/month --code-updates 2/month --nodes 8 --cold-starts 100/month --immutable --environment production',
    ),
    expect: { strategy: 'embed' },
    because:
      'Published: 571 s to 40 s by the form of the image alone, the largest step being to drop compression. Layers that are not compressed are what Ballast writes and COPY does not; 100 starts pay for it.',
    source: 'https://blog.vertexcover.io/container-coldstart',
  },

  // Code that changes above a model that does not.
  {
    name: 'Every small change of code uploads 7 GB of safetensors again',
    flags: typed(
      '--size 7GB --updates never --code-updates 20/month --code-size 5MB --nodes 2 --no-node-access --environment production',
    ),
    expect: { strategy: 'embed', position: 'bottom' },
    because:
      'Twenty builds a month pack and upload 7 GB for 5 MB of code, five minutes each; a model beneath the code with the same digest whatever machine builds moves nothing.',
    source: 'https://github.com/replicate/cog/issues/1305',
  },
  {
    name: 'A never-changing 25 GB model under code released every working day, signed',
    flags: typed(
      '--size 25GB --updates never --code-updates 20/month --code-size 20MB --nodes 6 --immutable --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'bottom' },
    because:
      'With the model on top, each of twenty releases unpacks 25 GB again on six nodes; beneath, each release is 20 MB. COPY in a fresh builder makes another 25 GB layer each time, ten minutes to pack.',
  },
  {
    name: 'A self-hosted speech service of 4 GB rebuilt for every change of code',
    flags: typed(
      '--size 4GB --updates never --code-updates 20/month --nodes 1 --platform docker --coupling loose --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'Published: builds of over 20 minutes, ended by a named volume over the cache directory. One server and files that never change: fill the volume once, there is nothing left to manage.',
    source: 'https://github.com/perminder-klair/subwave/pull/294',
  },

  // One machine: development, hobby, staging.
  {
    name: 'A laptop where a 300 MB model is trained twenty times a day',
    flags: typed('--size 300MB --updates 20/day --code-updates 10/day --nodes 1 --environment development'),
    expect: { strategy: 'mount', plain: true },
    because:
      'Training writes where the container can read: a bind mount of that directory moves no byte at all, an image would cost half a minute twenty times a day.',
  },
  {
    name: 'A workstation where an 8 GB model is fine-tuned three times a day',
    flags: typed('--size 8GB --updates 3/day --code-updates 5/day --nodes 1 --environment development'),
    expect: { strategy: 'mount', plain: true },
    because:
      'Each build would copy and pack 8 GB, several minutes; the directory is on the same disk and can be mounted as it is.',
  },
  {
    name: 'A predict command that downloads 12 GB at each run on a developer machine',
    flags: typed('--size 12GB --updates never --code-updates 30/month --nodes 1 --environment development'),
    expect: { strategy: 'mount', plain: true },
    because:
      'The request is for a mounted directory, and that is the answer: one download kept, code changes free of it; nothing changes that would need versions.',
    source: 'https://github.com/replicate/cog/issues/2255',
  },
  {
    name: 'A hobby server with Compose that fetches 4 GB of models at every start',
    flags: typed(
      '--size 4GB --updates 1/month --code-updates 4/month --nodes 1 --platform docker --link 100Mbps --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'The published cure is a line in the Compose file: keep the cache directory in a volume. 4 GB take over five minutes at 100 Mbps, once a month instead of at each start; no registry, no build.',
    source: 'https://github.com/SillyTavern/SillyTavern-Extras/pull/161',
  },
  {
    name: 'A staging server on the office line that tries five candidates of 3 GB a day',
    flags: typed(
      '--size 3GB --updates 5/day --changed 10% --code-updates 2/month --nodes 1 --link 100Mbps --coupling loose --environment staging',
    ),
    expect: { strategy: 'mount' },
    because:
      'Copied whole, a candidate takes four minutes at 100 Mbps, over a hundred times a month; the files that changed take 24 s. Filling a volume by version saves six hours and more, and goes back to yesterday in a second.',
  },

  // Sharing: applications and tenants.
  {
    name: 'Nine services on four nodes use one embedding model of 5 GB',
    flags: typed(
      '--size 5GB --updates weekly --code-updates 20/month --apps 9 --nodes 4 --replicas 36 --coupling loose --link 1Gbps --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Embedded, each node holds 45 GB for 5 and each weekly update is nine images to make, release and unpack: some forty releases a month. One copy a node is one update for all.',
  },
  {
    name: 'Sixty customers, each with a fine-tuned model of 350 MB, one serving image',
    flags: typed(
      '--size 350MB --updates weekly --tenants 60 --nodes 6 --code-updates 4/month --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Sixty images, released some 260 times a month for models and 240 times for four changes of code; with volumes there is one image, and an update touches the customer it is for.',
  },
  {
    name: 'Fifteen GPU pods fill one shared cache of customer models and crash on torn files',
    flags: typed(
      '--size 400MB --updates weekly --tenants 40 --nodes 5 --replicas 15 --code-updates 4/month --coupling loose --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Forty models weekly rule out an image each; the home-made shared directory cost 3 of 15 pods, because several wrote and others read at once. One writer a node and a switch that is whole or not at all is what to run.',
    source: 'https://github.com/roboflow/inference/pull/2080',
  },
  {
    name: 'A model team releases 1 GB three times a week, a platform team the code once',
    flags: typed(
      '--size 1GB --updates 12/month --code-updates weekly --team separate --coupling loose --reload --nodes 8 --replicas 16 --environment production',
    ),
    expect: { strategy: 'mount' },
    because:
      'Twelve times a month one team would wait for the pipeline and the rollout of the other, a quarter of an hour of people each; bytes are 8 s. Two owners, two artefacts.',
  },

  // Nothing may be installed on the nodes.
  {
    name: 'A managed cluster without node access, 14 GB, 10 % changed every day',
    flags: typed(
      '--size 14GB --updates daily --changed 10% --code-updates 1/month --nodes 10 --replicas 20 --platform kubernetes --no-node-access --link 1Gbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'No copy can be kept by a plugin, and a download at start fetches 14 GB for each of twenty pods every day. The image is the only cache the node offers: 1.4 GB a node and day, shared by its pods, if layers follow files.',
  },
  {
    name: 'Test images with a fixed model of 100 MB on hosted runners',
    flags: typed(
      '--size 100MB --updates never --code-updates 20/month --nodes 20 --cold-starts 400/month --no-node-access --environment development',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'A runner pulls the image anyway; 100 MB cost a second or two in it or beside it, and beside it there is a source to reach and credentials to keep. Copy it before the code.',
  },
  {
    name: 'Review-matching jobs on fresh workers with 5 GB of models in an 8 GB image',
    flags: typed(
      '--size 5GB --image-size 3GB --updates 1/month --code-updates 4/month --nodes 10 --cold-starts 300/month --no-node-access --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'Every job starts without the bytes, so a pull that writes twice is paid 300 times, some four hours a month; and a job needs only one of the models. Published: moved to a bucket, fetched at start.',
    source: 'https://github.com/openreview/openreview-expertise/pull/355',
  },
  {
    name: 'A nightly scoring job on two servers, 300 MB trained just before',
    flags: typed(
      '--size 300MB --updates daily --code-updates 1/month --nodes 2 --link 1Gbps --coupling loose --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'A job that starts each night can fetch the newest file first: 3 s, no build, no release, nothing that runs in between.',
  },

  // Serverless.
  {
    name: 'A gradient-boosted model of 50 MB in a function that sleeps at night',
    flags: typed(
      '--size 50MB --updates 2/month --code-updates 2/month --platform serverless --scale-to-zero --cold-starts 600/month --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'The platform caches images and has no nodes of ours; in the image the model saves a call to a store at each start. Two builds a month.',
    source: 'https://techlama.blog/posts/cheap-model-serving-lambda.html',
  },
  {
    name: 'Gemma 3 4B (3.3 GB) with Ollama on Cloud Run',
    flags: typed(
      '--size 3.3GB --updates never --code-updates 1/month --platform serverless --scale-to-zero --cold-starts 100/month --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'The tutorial of the vendor stores weights of this size in the image, and its rule is images below 10 GB; a model that never changes is built once, and the platform streams images.',
    source: 'https://cloud.google.com/run/docs/tutorials/gpu-gemma-with-ollama',
  },
  {
    name: 'A model of 60 GB in GPU jobs on Cloud Run',
    flags: typed(
      '--size 60GB --updates 1/month --code-updates 4/month --platform serverless --cold-starts 60/month --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'The vendor keeps images for models below 10 GB and recommends a concurrent download from its store above; no node of ours could hold a copy, so there is nothing for Ballast to run on.',
    source: 'https://docs.cloud.google.com/run/docs/configuring/jobs/gpu-best-practices',
  },
  {
    name: 'A serverless endpoint with 4 GB of which a tenth changes every day',
    flags: typed(
      '--size 4GB --updates daily --changed 10% --code-updates 1/month --platform serverless --cold-starts 60/month --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'Below 10 GB the image is the cache the platform offers; thirty builds of three minutes become thirty appends of 400 MB, and a download would add half a minute to every start.',
  },
  {
    name: 'A ComfyUI workflow with 20 GB of weights on a dedicated instance',
    flags: typed(
      '--size 20GB --updates 2/month --code-updates 4/month --platform serverless --scale-to-zero --cold-starts 300/month --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'The answer of the platform itself: its parallel download from a hot cache is faster than its image layers; at 300 starts of 20 GB the start is all that counts.',
    source: 'https://github.com/replicate/cog-comfyui/issues/128',
  },
  {
    name: 'A 15 GB model on a GPU platform that has a model cache of its own',
    flags: typed(
      '--size 15GB --updates 1/month --code-updates 4/month --platform serverless --scale-to-zero --cold-starts 500/month --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'Published order of speed: the file cache of the platform, then the hub, then image layers. At 500 starts a month one takes the fastest, and it is already there.',
    source: 'https://github.com/basetenlabs/truss/pull/1515',
  },
  {
    name: 'A video model of 26 GB on Modal while its dependencies still change',
    flags: typed(
      '--size 26.2GB --updates never --code-updates 12/month --platform serverless --scale-to-zero --cold-starts 100/month --environment production',
    ),
    expect: { strategy: 'mount', plain: true },
    because:
      'Measured there: a rebuild 79 to 385 s with the weights in the image, 2 to 8 s with a volume of the platform, and no difference in cold starts.',
    source: 'https://github.com/digitalsamba/claude-code-video-toolkit/issues/76',
  },

  // Offline and edge.
  {
    name: 'A sealed inspection machine with a 2 GB model, never updated',
    flags: typed(
      '--size 2GB --updates never --code-updates never --nodes 1 --offline --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because: 'It is built once and never again, and nothing can be fetched: COPY.',
  },
  {
    name: 'Whisper tiny in a pipeline image for disconnected clusters',
    flags: typed(
      '--size 150MB --updates never --code-updates 2/month --nodes 5 --offline --platform kubernetes --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'Offline leaves the image; a fixed 150 MB in a layer before the code costs nothing after the first time.',
    source: 'https://github.com/opendatahub-io/pipelines-components/pull/220',
  },
  {
    name: 'A 7B chat model of 14.5 GB on a machine without internet',
    flags: typed(
      '--size 14.5GB --updates never --code-updates never --nodes 1 --offline --platform docker --environment production',
    ),
    expect: { strategy: 'embed', plain: true },
    because:
      'The start fails because the application wants to download; with the model copied into the image one archive is carried over once. One machine, no updates, nothing to save.',
    source: 'https://github.com/h2oai/h2ogpt/issues/1602',
  },
  {
    name: 'Eighty ships get a weekly 5 % of a 6 GB model over a satellite line',
    flags: typed(
      '--size 6GB --updates weekly --changed 5% --code-updates 1/month --nodes 80 --offline --link 4Mbps --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'Images are brought, so it is an image; whole it takes 3.3 hours a ship at 0.5 MB/s, the layers that changed ten minutes. Weekly that is thirteen hours a ship and month.',
  },
  {
    name: 'Sixty shops on 20 Mbps lines, a 1.2 GB camera model, a tenth changed weekly',
    flags: typed(
      '--size 1.2GB --updates weekly --changed 10% --code-updates 1/month --nodes 60 --link 20Mbps --team same --environment production',
    ),
    expect: { strategy: 'embed', position: 'top' },
    because:
      'COPY sends 1.2 GB, eight minutes a shop and week; the changed files take 48 s, embedded or mounted alike. Four restarts a month do not pay for a plugin to look after in sixty shops.',
  },

  // What is not known decides.
  {
    name: 'A model of 8 GB on thirty nodes that reload it, no word on how often it changes',
    flags: typed(
      '--size 8GB --code-updates 2/month --nodes 30 --replicas 30 --link 1Gbps --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'depends', on: '--updates' },
    because:
      'Once a month it is ten minutes and an image will do; daily it is thirty rollouts over thirty nodes, each unpacking 8 GB and loading it anew, against a reload in place.',
  },
  {
    name: 'A model of 90 MB on twelve nodes, monthly today, hourly once the pipeline is ready',
    flags: typed(
      '--size 90MB --updates 1/month..hourly --code-updates 4/month --nodes 12 --reload --coupling loose --environment production',
    ),
    expect: { strategy: 'depends', on: '--updates' },
    because:
      'At 90 MB only the number of rollouts counts: one a month is less than the code asks for, 720 are over thirty hours.',
  },
  {
    name: 'One platform for models between 50 MB and 40 GB',
    flags: typed(
      '--size 50MB..40GB --updates weekly --code-updates 2/month --nodes 10 --cold-starts 100/month --link 1Gbps --coupling loose --environment production',
    ),
    expect: { strategy: 'depends', on: '--size' },
    because:
      'At 50 MB a COPY is seconds a week. At 40 GB a cold start takes 5 minutes to fetch and as long to unpack: the second pass alone is nine hours for 100 starts, and each weekly build packs for a quarter of an hour.',
  },
]
