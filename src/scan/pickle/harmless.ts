/**
 * What a pickle may do with what it imports. `name`: only name it. `make`: also make objects of it without a call, and
 * give them their state. `call`: also call it. Others are names of rules that look at the arguments.
 */
export type Uses = 'name' | 'make' | 'call' | SpecialUse

export type SpecialUse =
  | 'reconstruct'
  | 'newObject'
  | 'attribute'
  | 'encode'
  | 'named'
  | 'load'
  | 'fromType'
  | 'applied'
  | 'typeOf'
  | 'subclass'
  | 'generator'
  | 'same'

const UFUNCS = `absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt ceil
  conj conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 fabs float_power floor floor_divide fmax
  fmin fmod greater greater_equal hypot isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp logaddexp2
  logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative not_equal positive power rad2deg
  radians reciprocal remainder rint sign sin sinh sqrt square subtract tan tanh true_divide trunc`
const NUMPY_FUNCTIONS = `mean median sum std var min max amin amax nanmean nanmedian nansum nanstd nanmin nanmax argmax argmin
  abs clip nan_to_num cumsum cumprod prod ravel round percentile quantile average zeros ones ptp count_nonzero all any
  asarray array unique sort isclose allclose`
const NUMPY_TYPES = `bool_ bool bool8 byte ubyte short ushort intc uintc int_ uint longlong ulonglong int8 int16 int32 int64
  uint8 uint16 uint32 uint64 float16 float32 float64 float128 longdouble half single double complex64 complex128
  complex256 str_ bytes_ unicode_ string_ object_ datetime64 timedelta64 number integer floating void float_ complex_`

/** Names by their uses, by their modules. */
export const NAMES: Readonly<Record<string, Readonly<Partial<Record<Uses, string>>>>> = {
  'builtins __builtin__': {
    make: 'object',
    call: 'bool int long float complex str unicode bytes bytearray list tuple dict set frozenset slice range xrange',
    name: `len abs min max sum round sorted Ellipsis NotImplemented`,
    attribute: 'getattr',
    typeOf: 'type',
  },
  'builtins exceptions': {
    call: `Exception ValueError TypeError KeyError IndexError RuntimeError AttributeError ArithmeticError ZeroDivisionError
      NotImplementedError StopIteration AssertionError OverflowError LookupError UserWarning RuntimeWarning DeprecationWarning
      FutureWarning Warning`,
  },
  'copyreg copy_reg': { reconstruct: '_reconstructor', newObject: '__newobj__ __newobj_ex__' },
  _codecs: { encode: 'encode' },
  collections: { call: 'OrderedDict defaultdict deque Counter' },
  datetime: { call: 'date datetime time timedelta timezone' },
  decimal: { call: 'Decimal' },
  fractions: { call: 'Fraction' },
  uuid: { make: 'UUID SafeUUID', call: 'SafeUUID' },
  pathlib: { call: 'PurePath PurePosixPath PureWindowsPath PosixPath WindowsPath Path' },
  'pathlib._local': { call: 'PurePosixPath PureWindowsPath PosixPath WindowsPath' },
  argparse: { make: 'Namespace' },
  types: { call: 'SimpleNamespace' },
  'dill._dill': { applied: '_create_array' },
  zoneinfo: { make: 'ZoneInfo', call: 'ZoneInfo._unpickle' },
  re: { call: '_compile' },
  'pytz pytz._UTC': { call: '_UTC _p' },

  numpy: {
    call: `dtype ndarray record recarray matrix ${NUMPY_TYPES}`,
    make: 'poly1d vectorize ufunc generic',
    name: `${UFUNCS} ${NUMPY_FUNCTIONS}`,
  },
  'numpy._core.multiarray numpy.core.multiarray': { call: '_reconstruct scalar dtype ndarray array' },
  'numpy._core.numeric numpy.core.numeric': { call: '_frombuffer' },
  'numpy._core numpy.core': { named: '_ufunc_reconstruct' },
  'numpy._core._internal numpy.core._internal': { call: '_convert_to_stringdtype_kwargs' },
  'numpy._core._multiarray_umath numpy.core._multiarray_umath numpy.core.umath numpy._core.umath': {
    name: UFUNCS,
    named: '_ufunc_reconstruct',
  },
  'numpy._core.fromnumeric numpy.core.fromnumeric numpy.lib.function_base numpy.lib._function_base_impl numpy.lib.nanfunctions':
    {
      name: NUMPY_FUNCTIONS,
    },
  'numpy.ma.core numpy.ma': { subclass: '_mareconstruct', call: 'MaskedArray', make: 'MaskedConstant' },
  'numpy.rec numpy.core.records numpy._core.records': { call: 'recarray record' },
  'numpy.matrixlib.defmatrix': { call: 'matrix' },
  'numpy.random': { make: 'RandomState Generator', call: 'MT19937 PCG64 PCG64DXSM Philox SFC64' },
  'numpy.random._pickle numpy.random': {
    call: '__bit_generator_ctor',
    generator: '__randomstate_ctor __generator_ctor',
  },
  'numpy.random.mtrand': { make: 'RandomState', name: '_rand' },
  'numpy.random._generator': { make: 'Generator' },
  'numpy.random._mt19937': { call: 'MT19937' },
  'numpy.random._pcg64': { call: 'PCG64 PCG64DXSM' },
  'numpy.random._philox': { call: 'Philox' },
  'numpy.random._sfc64': { call: 'SFC64' },
  'numpy.random.bit_generator numpy.random._bit_generator': {
    call: '__pyx_unpickle_SeedSequence __pyx_unpickle_SeedlessSequence',
    make: 'SeedSequence',
  },

  'scipy._lib.array_api_compat.numpy._aliases': { name: 'asarray' },
  'scipy.special._ufuncs scipy.special._special_ufuncs scipy.special': {
    name: 'expit logit erf erfc gammaln digamma softmax xlogy boxcox inv_boxcox',
  },
  'scipy.spatial._ckdtree scipy.spatial.ckdtree scipy.spatial': { make: 'cKDTree' },
  'scipy.spatial._kdtree scipy.spatial.kdtree': { make: 'KDTree' },
  'scipy.spatial.distance': {
    name: 'euclidean cosine cityblock minkowski chebyshev correlation hamming jaccard',
  },
  'scipy.interpolate._interpolate scipy.interpolate.interpolate': {
    make: 'interp1d PPoly',
    name: `interp1d._call_linear interp1d._call_linear_np interp1d._call_nearest interp1d._call_previousnext
      interp1d._call_spline interp1d._call_nan_spline`,
  },
  'scipy.interpolate._bsplines': { make: 'BSpline' },
  'scipy.interpolate._cubic': { make: 'CubicSpline PchipInterpolator Akima1DInterpolator' },
  'scipy.interpolate._fitpack2 scipy.interpolate.fitpack2': {
    make: 'UnivariateSpline InterpolatedUnivariateSpline LSQUnivariateSpline',
  },
  'scipy.stats._distn_infrastructure': { make: 'rv_frozen rv_continuous_frozen rv_discrete_frozen' },

  pandas: {
    make: `BooleanDtype CategoricalDtype DataFrame Series DatetimeTZDtype IntervalDtype SparseDtype Int8Dtype Int16Dtype
      Int32Dtype Int64Dtype UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype Categorical
      CategoricalIndex DatetimeIndex Index Int64Index Float64Index UInt64Index MultiIndex PeriodIndex RangeIndex
      TimedeltaIndex IntervalIndex Timestamp Timedelta`,
    call: 'Interval Period PeriodDtype StringDtype',
    name: 'NA NaT',
  },
  'pandas.arrays': {
    make: `BooleanArray DatetimeArray IntegerArray FloatingArray IntervalArray PeriodArray SparseArray StringArray
      TimedeltaArray`,
  },
  'pandas.core.frame': { make: 'DataFrame' },
  'pandas.core.series': { make: 'Series' },
  'pandas.core.indexes.base': {
    newObject: '_new_Index',
    make: 'Index',
  },
  'pandas.core.indexes.datetimes': { newObject: '_new_DatetimeIndex', make: 'DatetimeIndex' },
  'pandas.core.indexes.period': { newObject: '_new_PeriodIndex', make: 'PeriodIndex' },
  'pandas.core.indexes.range': { make: 'RangeIndex' },
  'pandas.core.indexes.numeric': { make: 'Int64Index Float64Index UInt64Index' },
  'pandas.core.indexes.multi': { make: 'MultiIndex' },
  'pandas.core.indexes.category': { make: 'CategoricalIndex' },
  'pandas.core.indexes.interval': { make: 'IntervalIndex' },
  'pandas.core.indexes.timedeltas': { make: 'TimedeltaIndex' },
  'pandas.core.indexes.frozen': { make: 'FrozenList', call: 'FrozenList' },
  'pandas.core.internals.managers': { make: 'SingleBlockManager', call: 'BlockManager SingleBlockManager' },
  'pandas.core.internals.blocks': { make: 'Block' },
  'pandas.core.dtypes.dtypes': {
    make: 'CategoricalDtype DatetimeTZDtype IntervalDtype PeriodDtype SparseDtype NumpyEADtype',
    call: 'PeriodDtype',
  },
  'pandas.core.arrays.numpy_ pandas.core.arrays.categorical pandas.core.arrays.datetimes pandas.core.arrays.timedeltas pandas.core.arrays.period pandas.core.arrays.integer pandas.core.arrays.floating pandas.core.arrays.boolean pandas.core.arrays.string_ pandas.core.arrays.interval pandas.core.arrays.sparse.array pandas.core.arrays.sparse.dtype':
    {
      make: `PandasArray NumpyExtensionArray Categorical DatetimeArray TimedeltaArray PeriodArray IntegerArray FloatingArray
        BooleanArray BooleanDtype StringArray IntervalArray SparseArray SparseDtype Int8Dtype Int16Dtype Int32Dtype Int64Dtype
        UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype`,
      call: 'StringDtype',
    },
  'pandas._libs.arrays': { call: '__pyx_unpickle_NDArrayBacked' },
  'pandas._libs.internals': { call: '_unpickle_block BlockPlacement', make: 'BlockManager' },
  'pandas._libs.interval': { call: '__pyx_unpickle_IntervalMixin Interval' },
  'pandas._libs.sparse': { call: 'IntIndex BlockIndex' },
  'pandas._libs.missing': { call: 'NAType', name: 'NA' },
  'pandas._libs.tslibs.nattype': { call: '_nat_unpickle' },
  'pandas._libs.tslibs.timedeltas': { call: '_timedelta_unpickle' },
  'pandas._libs.tslibs.timestamps': { call: '_unpickle_timestamp' },
  'pandas._libs.tslibs.period': { call: 'Period' },

  'joblib.numpy_pickle': { make: 'NumpyArrayWrapper' },

  'xgboost.core': { make: 'Booster' },
  'lightgbm.basic': { make: 'Booster' },
  'lightgbm.compat': { make: 'LGBMLabelEncoder _LGBMLabelEncoder' },

  'sklearn.utils sklearn.utils._bunch': { make: 'Bunch', call: 'Bunch' },
  'sklearn.utils._metadata_requests': {
    make: 'MetadataRequest MethodMetadataRequest MetadataRouter RequestMethod MethodMapping',
  },
  'sklearn.utils._tags': { make: 'Tags InputTags TargetTags ClassifierTags RegressorTags TransformerTags' },
  'sklearn.tree._tree sklearn.tree.tree': { call: 'Tree' },
  'sklearn.metrics._dist_metrics sklearn.metrics.dist_metrics sklearn.neighbors._dist_metrics sklearn.neighbors.dist_metrics sklearn.neighbors._ball_tree sklearn.neighbors._kd_tree sklearn.neighbors.ball_tree sklearn.neighbors.kd_tree':
    { newObject: 'newObj' },
  'sklearn.linear_model._sgd_fast sklearn.linear_model.sgd_fast': {
    call: 'Hinge SquaredHinge Log ModifiedHuber SquaredLoss Huber EpsilonInsensitive SquaredEpsilonInsensitive',
  },

  torch: {
    call: 'Size device Tensor',
    name: 'dtype float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool float half double complex64 complex128 strided sparse_coo contiguous_format channels_last per_tensor_affine per_channel_affine',
  },
  'torch._utils': {
    call: `_rebuild_tensor _rebuild_tensor_v2 _rebuild_parameter _rebuild_parameter_with_state _rebuild_qtensor
      _rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_meta_tensor_no_storage _rebuild_device_tensor_from_numpy
      _rebuild_device_tensor_from_cpu_tensor _rebuild_nested_tensor`,
  },
  'torch._tensor': { fromType: '_rebuild_from_type_v2' },
  'torch.storage': {
    call: '_reconstruct_storage',
    make: 'UntypedStorage TypedStorage',
    load: '_load_from_bytes',
  },
  'torch.serialization': { call: '_get_layout' },
  'torch.nn.parameter torch.nn': { make: 'Parameter', call: 'Parameter' },
  'transformers.training_args': {
    make: 'TrainingArguments Seq2SeqTrainingArguments',
    call: 'OptimizerNames ParallelMode',
  },
  'transformers.training_args_seq2seq': { make: 'Seq2SeqTrainingArguments' },
  'transformers.trainer_utils': {
    call: 'IntervalStrategy SaveStrategy EvaluationStrategy SchedulerType HubStrategy FSDPOption ShardedDDPOption',
  },
  'transformers.trainer_pt_utils': { make: 'AcceleratorConfig' },
  'accelerate.state': { make: 'PartialState AcceleratorState' },
  'accelerate.utils.dataclasses': { call: 'DistributedType' },
  'omegaconf.dictconfig': { make: 'DictConfig' },
  'omegaconf.listconfig': { make: 'ListConfig' },
  'omegaconf.base': { make: 'ContainerMetadata Metadata' },
  'omegaconf.nodes': { make: 'AnyNode IntegerNode FloatNode StringNode BooleanNode' },
  typing: { name: 'Any' },
  'pytorch_lightning.utilities.parsing lightning_fabric.utilities.data lightning.fabric.utilities.data': {
    make: 'AttributeDict',
  },
  'torch.jit._pickle': {
    call: 'build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id',
    same: 'restore_type_tag',
  },
}

/** Classes of packages all of whose classes only hold figures. */
const CLASS = /^_?[A-Z]\w*$/

/** Names that are too many to be listed. */
export interface Pattern {
  readonly modules: RegExp
  readonly names: RegExp
  readonly uses: Uses
  readonly except?: RegExp
}

export const PATTERNS: readonly Pattern[] = [
  // Compiled classes come by functions that Cython writes.
  {
    modules: /^sklearn\.[\w.]+$/,
    names: /^__pyx_unpickle_\w+$/,
    uses: 'call',
    except: /\.(?:datasets|externals|tests)\b/,
  },
  { modules: /^sklearn\._loss\._loss$/, names: /^Cy\w+$/, uses: 'call' },
  {
    modules: /^sklearn(?:\.[\w.]+)?$/,
    names: CLASS,
    uses: 'make',
    except:
      /^sklearn\.(?:datasets|externals|utils|_build_utils|_config|conftest)\b|\btests?\b|_testing|testing\b/,
  },
  {
    modules:
      /^sklearn\.(?:metrics(?:\._(?:classification|regression|ranking|scorer)|\.cluster\._(?:un)?supervised)?|feature_selection\._(?:univariate_selection|mutual_info)|cluster\._kmeans)$/,
    names: /^[a-z_]\w*$/,
    uses: 'name',
  },
  {
    modules: /^sklearn\.metrics\.pairwise$/,
    names: /^(?:\w+_kernel|\w+_distances|\w+_similarity)$/,
    uses: 'name',
  },
  {
    modules: /^sklearn\.preprocessing\._data$/,
    names: /^(?:normalize|scale|minmax_scale|robust_scale)$/,
    uses: 'name',
  },
  { modules: /^sklearn\.compose\._column_transformer$/, names: /^make_column_selector$/, uses: 'make' },
  {
    modules: /^imblearn(?:\.[\w.]+)?$/,
    names: CLASS,
    uses: 'make',
    except: /\btests?\b|datasets|utils|testing/,
  },
  { modules: /^xgboost\.sklearn$/, names: /^XGB\w+$/, uses: 'make' },
  { modules: /^lightgbm\.sklearn$/, names: /^LGBM\w+$/, uses: 'make' },
  { modules: /^catboost\.core$/, names: /^CatBoost\w*$/, uses: 'make' },
  {
    modules: /^numpy\.polynomial\.(?:polynomial|chebyshev|legendre|hermite|hermite_e|laguerre)$/,
    names: CLASS,
    uses: 'make',
  },
  { modules: /^numpy\.dtypes$/, names: /^\w+DType$/, uses: 'call' },
  {
    modules: /^scipy\.sparse\.(?:_?(?:bsr|coo|csc|csr|dia|dok|lil)|arrays|_arrays)$/,
    names: /^_?(?:bsr|coo|csc|csr|dia|dok|lil)_(?:array|matrix)$/,
    uses: 'make',
  },
  { modules: /^scipy\.stats\._(?:continuous|discrete)_distns$/, names: /^\w+_gen$/, uses: 'make' },
  { modules: /^pandas\._libs\.tslibs\.offsets$/, names: /^[A-Z]\w*$/, uses: 'call' },
  { modules: /^torch(?:\.cuda|\.storage)?$/, names: /^(?:\w+Storage)$/, uses: 'name' },
  { modules: /^torch\.cuda$/, names: /^\w+Tensor$/, uses: 'name' },
  { modules: /^torch\.nn\.modules\.\w+$/, names: CLASS, uses: 'make' },
  {
    modules: /^torch\.nn\.quantized(?:\.\w+)*\.modules\.\w+$|^torch\.ao\.nn(?:\.\w+)*\.modules\.\w+$/,
    names: CLASS,
    uses: 'make',
  },
  { modules: /^torch\.optim\.\w+$/, names: CLASS, uses: 'make' },
  {
    modules:
      /^(?:torchvision\.(?:models|ops)|timm\.(?:models|layers)|ultralytics\.nn\.(?:tasks|modules))(?:\.\w+)*$/,
    names: CLASS,
    uses: 'make',
    except: /_meta|_api|hub|registry|factory|helpers/,
  },
  {
    modules:
      /^gensim\.(?:models\.(?:keyedvectors|word2vec|fasttext|doc2vec|ldamodel|tfidfmodel|phrases)|corpora\.dictionary)$/,
    names: CLASS,
    uses: 'make',
  },
  { modules: /^nltk\.tokenize\.punkt$/, names: /^Punkt\w+$/, uses: 'make' },
  { modules: /^category_encoders\.\w+$/, names: /^\w+Encoder$/, uses: 'make' },
  // Of TorchScript's own programs, not of Python's modules.
  { modules: /^__torch__(?:\.\w+)*$/, names: /^\w+$/, uses: 'make' },
]
