"""Name tables: popular given names by decade of birth, and common names of foreign residents.

Typed from published lists (docs/data.md): the orders of popularity of the life insurer Meiji
Yasuda since 1912, and the commonest names of each country. No table holds a whole person.

>>> GIVEN["女"][1930][0]
('和子', 'カズコ')
"""

import re

_MALE = {
    1910: """
        正一:ショウイチ 清:キヨシ 正:タダシ 茂:シゲル 三郎:サブロウ 正雄:マサオ 正二:ショウジ
        一郎:イチロウ 武雄:タケオ 実:ミノル 義雄:ヨシオ 正治:マサハル 信一:シンイチ
        金次郎:キンジロウ 留吉:トメキチ 政吉:マサキチ
    """,
    1920: """
        清:キヨシ 茂:シゲル 正:タダシ 三郎:サブロウ 勇:イサム 実:ミノル 正雄:マサオ 昭二:ショウジ
        武:タケシ 一郎:イチロウ 博:ヒロシ 弘:ヒロシ 辰雄:タツオ 義雄:ヨシオ 幸雄:ユキオ
        久雄:ヒサオ 定雄:サダオ
    """,
    1930: """
        清:キヨシ 勇:イサム 実:ミノル 博:ヒロシ 茂:シゲル 弘:ヒロシ 稔:ミノル 進:ススム 正:タダシ
        昭:アキラ 勝:マサル 武:タケシ 三郎:サブロウ 昭三:ショウゾウ 功:イサオ 和夫:カズオ
        幸雄:ユキオ 正男:マサオ
    """,
    1940: """
        勝:マサル 勇:イサム 進:ススム 紘一:コウイチ 清:キヨシ 勲:イサオ 博:ヒロシ 稔:ミノル
        武:タケシ 弘:ヒロシ 功:イサオ 修:オサム 和夫:カズオ 茂:シゲル 忠:タダシ 隆:タカシ
        勝利:カツトシ 征夫:ユキオ
    """,
    1950: """
        茂:シゲル 博:ヒロシ 隆:タカシ 誠:マコト 浩:ヒロシ 修:オサム 清:キヨシ 豊:ユタカ 稔:ミノル
        進:ススム 和夫:カズオ 勉:ツトム 正:タダシ 明:アキラ 健一:ケンイチ 幸一:コウイチ
        正人:マサト 達也:タツヤ
    """,
    1960: """
        浩:ヒロシ 誠:マコト 浩一:コウイチ 隆:タカシ 修:オサム 健一:ケンイチ 浩二:コウジ
        和彦:カズヒコ 聡:サトシ 徹:トオル 学:マナブ 豊:ユタカ 剛:ツヨシ 博之:ヒロユキ 直樹:ナオキ
        秀樹:ヒデキ 正樹:マサキ 達也:タツヤ
    """,
    1970: """
        誠:マコト 健一:ケンイチ 哲也:テツヤ 剛:ツヨシ 博:ヒロシ 直樹:ナオキ 大輔:ダイスケ
        学:マナブ 健太郎:ケンタロウ 秀樹:ヒデキ 英樹:ヒデキ 健:ケン 智:サトシ 洋平:ヨウヘイ
        竜也:タツヤ 健二:ケンジ 裕之:ヒロユキ 隆志:タカシ
    """,
    1980: """
        大輔:ダイスケ 誠:マコト 直樹:ナオキ 哲也:テツヤ 剛:ツヨシ 学:マナブ 達也:タツヤ
        健太:ケンタ 拓也:タクヤ 翔太:ショウタ 健:ケン 大介:ダイスケ 祐介:ユウスケ 和也:カズヤ
        大樹:ダイキ 翔:ショウ 雄太:ユウタ 亮:リョウ
    """,
    1990: """
        翔太:ショウタ 拓也:タクヤ 健太:ケンタ 大樹:ダイキ 翔:ショウ 大輝:ダイキ 大貴:ダイキ
        達也:タツヤ 直人:ナオト 翼:ツバサ 和也:カズヤ 亮太:リョウタ 大地:ダイチ 雄大:ユウダイ
        拓海:タクミ 海斗:カイト 諒:リョウ 優太:ユウタ
    """,
    2000: """
        大輝:ダイキ 翔:ショウ 大翔:ヒロト 翔太:ショウタ 蓮:レン 拓海:タクミ 海斗:カイト
        颯太:ソウタ 駿:シュン 陸:リク 翼:ツバサ 優斗:ユウト 優太:ユウタ 悠斗:ユウト 蒼:アオイ
        陽太:ヨウタ 健太:ケンタ 太一:タイチ
    """,
    2010: """
        大翔:ヒロト 蓮:レン 悠真:ユウマ 陽翔:ハルト 湊:ミナト 颯太:ソウタ 樹:イツキ 悠斗:ユウト
        大和:ヤマト 陽太:ヨウタ 陸斗:リクト 朝陽:アサヒ 悠人:ユウト 蒼:アオイ 結翔:ユイト
        颯真:ソウマ 陽向:ヒナタ 翔:ショウ
    """,
    2020: """
        蓮:レン 陽翔:ハルト 蒼:アオイ 碧:アオイ 湊:ミナト 樹:イツキ 朝陽:アサヒ 律:リツ
        颯真:ソウマ 暖:ダン 凪:ナギ 陽向:ヒナタ 新:アラタ 大翔:ヒロト 悠真:ユウマ 伊織:イオリ
        結翔:ユイト 凛:リン
    """,
}

_FEMALE = {
    1910: """
        千代:チヨ ハル:ハル ハナ:ハナ 正子:マサコ 文子:フミコ キヨ:キヨ ヨシ:ヨシ 静子:シズコ
        キミ:キミ フミ:フミ 千代子:チヨコ 八重子:ヤエコ 清子:キヨコ トシ:トシ ミヨ:ミヨ スミ:スミ
        カネ:カネ キク:キク
    """,
    1920: """
        文子:フミコ 久子:ヒサコ 千代子:チヨコ 清子:キヨコ 和子:カズコ 芳子:ヨシコ 静子:シズコ
        貞子:サダコ 幸子:サチコ 愛子:アイコ 幸:サチ 光子:ミツコ 美代子:ミヨコ 敏子:トシコ
        節子:セツコ 八重子:ヤエコ キミ:キミ トミ:トミ
    """,
    1930: """
        和子:カズコ 幸子:サチコ 節子:セツコ 弘子:ヒロコ 洋子:ヨウコ 美代子:ミヨコ 久子:ヒサコ
        恵美子:エミコ 敏子:トシコ 昭子:アキコ 照子:テルコ 文子:フミコ 光子:ミツコ 良子:ヨシコ
        和江:カズエ 悦子:エツコ 礼子:レイコ 八重子:ヤエコ
    """,
    1940: """
        和子:カズコ 洋子:ヨウコ 幸子:サチコ 節子:セツコ 紀子:ノリコ 弘子:ヒロコ 美智子:ミチコ
        勝子:カツコ 恵子:ケイコ 京子:キョウコ 悦子:エツコ 久子:ヒサコ 礼子:レイコ 恵美子:エミコ
        美代子:ミヨコ 征子:セイコ 昌子:マサコ 啓子:ケイコ
    """,
    1950: """
        恵子:ケイコ 和子:カズコ 幸子:サチコ 洋子:ヨウコ 節子:セツコ 京子:キョウコ 久美子:クミコ
        由美子:ユミコ 美智子:ミチコ 悦子:エツコ 裕子:ユウコ 明美:アケミ 順子:ジュンコ 直美:ナオミ
        典子:ノリコ 文子:フミコ 真理子:マリコ 智子:トモコ
    """,
    1960: """
        由美子:ユミコ 真由美:マユミ 明美:アケミ 久美子:クミコ 恵子:ケイコ 智子:トモコ 裕子:ユウコ
        陽子:ヨウコ 直美:ナオミ 純子:ジュンコ 幸子:サチコ 由美:ユミ 由香:ユカ 美香:ミカ
        典子:ノリコ 真理子:マリコ 香織:カオリ 洋子:ヨウコ
    """,
    1970: """
        陽子:ヨウコ 智子:トモコ 裕子:ユウコ 優子:ユウコ 真由美:マユミ 久美子:クミコ 純子:ジュンコ
        香織:カオリ 美穂:ミホ 美香:ミカ 直美:ナオミ 恵:メグミ 愛:アイ 由美子:ユミコ 美紀:ミキ
        理恵:リエ 亜希子:アキコ 麻衣子:マイコ
    """,
    1980: """
        愛:アイ 裕子:ユウコ 恵:メグミ 優子:ユウコ 香織:カオリ 麻衣:マイ 彩:アヤ 麻美:アサミ
        舞:マイ 沙織:サオリ 美穂:ミホ 智子:トモコ 綾:アヤ 亜由美:アユミ 絵美:エミ 美香:ミカ
        友美:トモミ 千尋:チヒロ
    """,
    1990: """
        美咲:ミサキ 愛:アイ 彩:アヤ 舞:マイ 愛美:マナミ 麻衣:マイ 未来:ミク 彩香:アヤカ
        千尋:チヒロ 萌:モエ 桃子:モモコ 優花:ユウカ 明日香:アスカ 遥:ハルカ 沙織:サオリ 瞳:ヒトミ
        葵:アオイ 里奈:リナ
    """,
    2000: """
        美咲:ミサキ さくら:サクラ 陽菜:ヒナ 葵:アオイ 七海:ナナミ 未来:ミク 愛:アイ 美優:ミユ
        優花:ユウカ 彩花:アヤカ 萌:モエ 凛:リン 結衣:ユイ 美羽:ミウ 遥:ハルカ 優奈:ユウナ
        花音:カノン 美月:ミヅキ
    """,
    2010: """
        陽菜:ヒナ 結衣:ユイ 葵:アオイ 結愛:ユア 凛:リン さくら:サクラ 咲良:サクラ 莉子:リコ
        結菜:ユイナ 陽葵:ヒマリ 心春:コハル 美桜:ミオ 芽依:メイ 杏:アン 美月:ミヅキ 結月:ユヅキ
        澪:ミオ 心結:ミユ
    """,
    2020: """
        陽葵:ヒマリ 紬:ツムギ 凛:リン 芽依:メイ 葵:アオイ 澪:ミオ 莉子:リコ 結菜:ユイナ 咲茉:エマ
        翠:スイ 陽菜:ヒナ 結愛:ユア 杏:アン 心春:コハル 咲良:サクラ 紗菜:サナ 凪:ナギ 琴葉:コトハ
    """,
}


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((left, right) for left, _, right in (item.partition(":") for item in text.split()))


GIVEN: dict[str, dict[int, tuple[tuple[str, str], ...]]] = {
    "男": {decade: _pairs(text) for decade, text in _MALE.items()},
    "女": {decade: _pairs(text) for decade, text in _FEMALE.items()},
}
"""Given names with readings by sex and decade of birth, the most popular first."""

# Residents of foreign nationality in thousands, end of 2023 (Immigration Services Agency).
NATIONALITIES: dict[str, int] = {
    "中国": 822,
    "ベトナム": 565,
    "韓国": 410,
    "フィリピン": 322,
    "ブラジル": 212,
    "ネパール": 176,
    "インドネシア": 149,
    "ミャンマー": 87,
    "台湾": 65,
    "米国": 63,
    "タイ": 62,
    "ペルー": 49,
    "インド": 48,
    "スリランカ": 47,
    "バングラデシュ": 27,
    "英国": 19,
}

# Family names, men's and women's given names: spelling, reading, and for 中国, 台湾 and 韓国 the
# ideographs, joined by colons.
_CHINESE = (
    """
    WANG:ワン:王 LI:リー:李 ZHANG:チャン:張 LIU:リウ:劉 CHEN:チェン:陳 YANG:ヤン:楊
    HUANG:ホアン:黄 ZHAO:チャオ:趙 WU:ウー:呉 ZHOU:チョウ:周 XU:シュー:徐 SUN:スン:孫 MA:マー:馬
    ZHU:チュー:朱 HU:フー:胡 LIN:リン:林 GUO:グオ:郭 HE:ホー:何 GAO:ガオ:高 LUO:ルオ:羅
    """,
    """
    WEI:ウェイ:偉 QIANG:チャン:強 JUN:ジュン:軍 LEI:レイ:磊 JIANGUO:ジエングオ:建国
    MINGHUI:ミンフイ:明輝 HAO:ハオ:浩 ZHIQIANG:ジーチャン:志強 XIAOFENG:シャオフォン:暁峰
    TAO:タオ:濤 PENG:ポン:鵬 BOWEN:ボーウェン:博文 ZIHAO:ズーハオ:子豪 YICHEN:イーチェン:奕辰
    """,
    """
    FANG:ファン:芳 NA:ナー:娜 XIUYING:シウイン:秀英 MIN:ミン:敏 JING:ジン:静 LIHUA:リーホア:麗華
    XIAOLI:シャオリー:暁麗 YAN:イエン:艶 TINGTING:ティンティン:婷婷 XUE:シュエ:雪
    YUTONG:ユートン:雨桐 SIYU:スーユー:思雨 MEILING:メイリン:美玲 JIAYI:ジアイー:佳怡
    """,
)
_KOREAN = (
    """
    KIM:キム:金 LEE:イ:李 PARK:パク:朴 CHOI:チェ:崔 JUNG:チョン:鄭 KANG:カン:姜 CHO:チョ:趙
    YOON:ユン:尹 JANG:チャン:張 LIM:イム:林 HAN:ハン:韓 OH:オ:呉 SEO:ソ:徐 SHIN:シン:申
    KWON:クォン:権 HWANG:ファン:黄 AHN:アン:安 SONG:ソン:宋
    """,
    """
    MINJUN:ミンジュン:敏俊 JIHOON:ジフン:智勲 SUNGHO:ソンホ:成浩 YOUNGSOO:ヨンス:永洙
    DONGHYUN:ドンヒョン:東賢 SANGWOO:サンウ:相佑 CHEOLSOO:チョルス:哲洙 JAEWON:ジェウォン:在元
    KYUNGHO:キョンホ:慶浩 HYUNWOO:ヒョヌ:賢宇 JUNGSIK:ジョンシク:正植 TAEYANG:テヤン:太陽
    """,
    """
    SEOYEON:ソヨン:瑞妍 JIWOO:ジウ:智友 MINJI:ミンジ:敏智 YOUNGHEE:ヨンヒ:英姫
    SOONJA:スンジャ:順子 MISOOK:ミスク:美淑 EUNJI:ウンジ:恩智 HYEJIN:ヘジン:恵珍 SUJIN:スジン:秀珍
    KYUNGHEE:キョンヒ:京姫 YUNA:ユナ:侑奈 JEONGSOOK:ジョンスク:貞淑
    """,
)
_VIETNAMESE = (
    """
    NGUYEN:グエン TRAN:チャン LE:レ PHAM:ファム HOANG:ホアン PHAN:ファン VU:ヴー DANG:ダン
    BUI:ブイ DO:ドー HO:ホー NGO:ゴー DUONG:ズオン LY:リー
    """,
    """
    VAN ANH:ヴァン アイン VAN HUNG:ヴァン フン VAN NAM:ヴァン ナム DUC MINH:ドゥック ミン
    QUANG HUY:クアン フイ VAN TUAN:ヴァン トゥアン MINH DUC:ミン ドゥック VAN LONG:ヴァン ロン
    HUU PHUOC:フー フオック DINH TUNG:ディン トゥン
    """,
    """
    THI LAN:ティ ラン THI HUONG:ティ フオン THI MAI:ティ マイ THU HA:トゥ ハー THI LINH:ティ リン
    THI NGA:ティ ガー NGOC ANH:ゴック アイン THI TRANG:ティ チャン THI HOA:ティ ホア
    PHUONG THAO:フオン タオ
    """,
)
_FILIPINO = (
    """
    SANTOS:サントス REYES:レイエス CRUZ:クルズ BAUTISTA:バウティスタ OCAMPO:オカンポ
    GARCIA:ガルシア MENDOZA:メンドーサ TORRES:トレス DELA CRUZ:デラ クルズ RAMOS:ラモス
    AQUINO:アキノ VILLANUEVA:ビリャヌエバ
    """,
    """
    JOSE:ホセ MARK ANTHONY:マーク アンソニー JUAN CARLO:フアン カルロ RICARDO:リカルド
    ROMEL:ロメル JOHN PAUL:ジョン ポール ARNEL:アーネル DENNIS:デニス
    """,
    """
    MARIA:マリア JENNIFER:ジェニファー MARY JANE:メアリー ジェーン ROSE ANN:ローズ アン
    CRISTINA:クリスティーナ LORNA:ローナ ANGELICA:アンジェリカ GRACE:グレース JOCELYN:ジョセリン
    MARILOU:マリルー
    """,
)
_BRAZILIAN = (
    """
    SILVA:シルバ SANTOS:サントス OLIVEIRA:オリベイラ SOUZA:ソウザ LIMA:リマ PEREIRA:ペレイラ
    TANAKA:タナカ SATO:サトウ YAMAMOTO:ヤマモト NAKAMURA:ナカムラ FERREIRA:フェレイラ COSTA:コスタ
    """,
    """
    JOAO PEDRO:ジョアン ペドロ CARLOS EDUARDO:カルロス エドゥアルド LUCAS:ルーカス
    MARCELO:マルセロ RAFAEL:ハファエル PAULO:パウロ GABRIEL:ガブリエル FABIO:ファビオ
    """,
    """
    ANA PAULA:アナ パウラ JULIANA:ジュリアナ MARIA EDUARDA:マリア エドゥアルダ
    FERNANDA:フェルナンダ PATRICIA:パトリシア CAMILA:カミラ LARISSA:ラリッサ AKEMI:アケミ
    """,
)
_NEPALESE = (
    """
    SHRESTHA:シュレスタ GURUNG:グルン TAMANG:タマン RAI:ライ THAPA:タパ MAGAR:マガル KC:ケーシー
    ADHIKARI:アディカリ BHANDARI:バンダリ PAUDEL:パウデル KHADKA:カドカ
    """,
    """
    RAM:ラム BISHAL:ビサル SURESH:スレス PRAKASH:プラカス DIPAK:ディパク SANTOSH:サントス
    ANIL:アニル RAJESH:ラジェス
    """,
    """
    SITA:シタ SUNITA:スニタ ANITA:アニタ GITA:ギタ PUJA:プジャ SABINA:サビナ BINITA:ビニタ
    MANISHA:マニサ
    """,
)
_INDONESIAN = (
    """
    SETIAWAN:スティアワン WIJAYA:ウィジャヤ SAPUTRA:サプトラ HIDAYAT:ヒダヤット PRATAMA:プラタマ
    SANTOSO:サントソ RAHMAN:ラフマン KURNIAWAN:クルニアワン LESTARI:レスタリ
    """,
    """
    BUDI:ブディ AGUS:アグス ANDI:アンディ RIZKY:リズキー DWI:ドゥイ EKO:エコ FAJAR:ファジャル
    YUSUF:ユスフ
    """,
    """
    SITI:シティ DEWI:デウィ SRI:スリ NUR AINI:ヌル アイニ AYU:アユ RINA:リナ PUTRI:プトリ
    FITRI:フィトリ
    """,
)
_BURMESE = (
    """
    AUNG:アウン KYAW:チョー MYINT:ミン WIN:ウィン HTUN:トゥン ZAW:ゾー THEIN:テイン SOE:ソー
    """,
    """
    MIN THU:ミン トゥ KO KO:コー コー NAING LIN:ナイン リン ZEYAR:ゼーヤー HTET:テッ THIHA:ティハ
    """,
    """
    SU SU:スー スー KHIN MAR:キン マー THIDA:ティダ EI PHYU:エイ ピュー NWE NI:ヌエ ニー
    MAY THU:メイ トゥ
    """,
)
_ENGLISH = (
    """
    SMITH:スミス JOHNSON:ジョンソン BROWN:ブラウン MILLER:ミラー DAVIS:デイビス WILSON:ウィルソン
    TAYLOR:テイラー ANDERSON:アンダーソン CLARK:クラーク WALKER:ウォーカー
    """,
    """
    JAMES:ジェームズ MICHAEL:マイケル DAVID:デイビッド ROBERT:ロバート DANIEL:ダニエル
    THOMAS:トーマス ANDREW:アンドリュー
    """,
    """
    MARY:メアリー JENNIFER:ジェニファー SARAH:サラ EMILY:エミリー LAURA:ローラ JESSICA:ジェシカ
    ANNA:アンナ
    """,
)
_THAI = (
    """
    SAETANG:セータン SRISUK:シースック CHAIYA:チャイヤ WONGSA:ウォンサー BOONMEE:ブンミー
    THONGDEE:トンディー
    """,
    """
    SOMCHAI:ソムチャイ ANAN:アナン PRASERT:プラサート WICHAI:ウィチャイ KITTI:キッティ
    """,
    """
    SOMSRI:ソムシー MALEE:マリー NOI:ノイ SIRIPORN:シリポーン WANIDA:ワニダー PIM:ピム
    """,
)
_PERUVIAN = (
    """
    QUISPE:キスペ FLORES:フローレス SANCHEZ:サンチェス ROJAS:ロハス HUAMAN:ワマン VARGAS:バルガス
    HIGA:ヒガ OSHIRO:オオシロ
    """,
    """
    LUIS:ルイス JORGE:ホルヘ CESAR:セサル MIGUEL:ミゲル VICTOR:ビクトル CARLOS:カルロス
    """,
    """
    ROSA:ロサ CARMEN:カルメン LUZ:ルス PATRICIA:パトリシア MILAGROS:ミラグロス SUSANA:スサナ
    """,
)
_SOUTH_ASIAN = (
    """
    KUMAR:クマール SHARMA:シャルマ SINGH:シン PATEL:パテル PERERA:ペレラ FERNANDO:フェルナンド
    SILVA:シルバ HOSSAIN:ホサイン RAHMAN:ラーマン AHMED:アハメド ISLAM:イスラム
    """,
    """
    RAHUL:ラフル AMIT:アミット SANJAY:サンジャイ NUWAN:ヌワン KASUN:カスン ARIF:アリフ
    IMRAN:イムラン VIJAY:ビジャイ
    """,
    """
    PRIYA:プリヤ ANJALI:アンジャリ NISHA:ニーシャ DILINI:ディリニ SHARMIN:シャルミン
    FATEMA:ファテマ KAVITA:カビータ
    """,
)

_SOURCES = {
    "中国": _CHINESE,
    "台湾": _CHINESE,
    "韓国": _KOREAN,
    "ベトナム": _VIETNAMESE,
    "フィリピン": _FILIPINO,
    "ブラジル": _BRAZILIAN,
    "ネパール": _NEPALESE,
    "インドネシア": _INDONESIAN,
    "ミャンマー": _BURMESE,
    "米国": _ENGLISH,
    "英国": _ENGLISH,
    "タイ": _THAI,
    "ペルー": _PERUVIAN,
    "インド": _SOUTH_ASIAN,
    "スリランカ": _SOUTH_ASIAN,
    "バングラデシュ": _SOUTH_ASIAN,
}


def _entries(text: str) -> tuple[tuple[str, str, str], ...]:
    """Spelling, reading and ideographs of each name in a line; spellings may hold spaces."""
    found = _ENTRY.findall(text)
    return tuple((spelling.strip(), reading.strip(), kanji) for spelling, reading, kanji in found)


_ENTRY = re.compile(r"([A-Z][A-Z ]*):([ァ-ヺー]+(?: [ァ-ヺー]+)*)(?::(\w+))?")

FOREIGN: dict[str, tuple[tuple[tuple[str, str, str], ...], ...]] = {
    nationality: tuple(_entries(text) for text in texts) for nationality, texts in _SOURCES.items()
}
"""By nationality: family names, men's and women's given names, each (Latin, katakana, kanji)."""
