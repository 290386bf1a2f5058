"""Shapes (異体字): which characters of surnames and given names are one in another shape.

A first table, typed from general knowledge of new and old forms (新字体, 旧字体) and of the
variants (異体字) that family names are known for. It is not a standard: the official maps have
tens of thousands of entries. Each group begins with the shape that ordinary fonts have; the
others fold into it. Compatibility ideographs that Unicode maps by itself are not listed.

Changing a group changes every key made with it: then `match.VERSION` goes up.

>>> "渡邉髙﨑".translate(ORDINARY)
'渡辺高崎'
"""

from typing import Final

GROUPS: Final = """
高髙 崎﨑嵜碕㟢 吉𠮷 沢澤 浜濱濵 広廣 国國圀 桜櫻 島嶋嶌 辺邊邉 恵惠 竜龍 真眞 栄榮 徳德 瀬瀨
富冨 円圓 条條 蔵藏 岳嶽 桧檜 斉斎齊齋齎 滝瀧 塩鹽 野埜 峰峯 館舘 船舩 柳栁桺 桑桒 橋𣘺槗 土圡
柏栢 杉杦 松枩柗 梅楳 桝枡 槙槇 村邨 園薗 芦蘆 渕淵渊 秋穐龝 籠篭 藪薮 旗籏 喜㐂 虎乕 卯夘 沖冲
涼凉 達逹 卒卆 間閒 隣鄰 場塲 岡崗 留畄 珍珎 多夛 本夲 刈苅 昇曻 皓晧 熙煕凞 鶴靏靍鸖 雁鴈 鴎鷗
鶯鴬 竈竃 穎頴 涛濤 祷禱 侠俠 蛎蠣 諫諌 壺壷 礪砺 竪豎 蝋蠟 騨驒 箪簞 莱萊 醤醬 麹麴 靭靱 頸頚
繋繫 蝉蟬 焔焰 倶俱 呑吞 剥剝 填塡 頬頰 叱𠮟 蒋蔣 裏裡 鉄鐵鉃銕 韮韭 顛顚 庵菴 厩廐廏 叡睿 哲喆
和龢 寧甯 姫姬 床牀 傑杰 仙僊 冊册 兎兔 湧涌 耀燿 略畧 窓窗 毘毗 草艸 詠咏 讃讚 針鍼 蓑簑 胆膽
棲栖 杯盃 凛凜 遥遙 瑶瑤 尭堯 亘亙 巌巖 穣穰 聡聰 彦彥 教敎 晃晄 晋晉 曽曾 弥彌 猪豬 萌萠 並竝
亜亞 悪惡 圧壓 囲圍 為爲 医醫 壱壹 稲稻 飲飮 隠隱 営營 衛衞 駅驛 悦悅 閲閱 縁緣 艶艷 応應 殴毆
奥奧 横橫 欧歐 黄黃 温溫 穏穩 仮假 価價 画畫 会會 絵繪 壊壞 懐懷 拡擴 殻殼 覚覺 学學斈 楽樂 渇渴
巻卷 陥陷 勧勸 寛寬 関關 歓歡 観觀 顔顏 気氣 帰歸 亀龜 偽僞 戯戲 犠犧 旧舊 拠據 挙擧 虚虛 峡峽
挟挾 狭狹 郷鄕 暁曉 区區 駆驅駈 勲勳 薫薰 群羣 径徑 掲揭 渓溪谿 経經 蛍螢 軽輕 継繼 鶏鷄雞 芸藝
撃擊 欠缺 研硏 県縣 倹儉 剣劍劔劒 険險 圏圈 検檢 献獻 権權 顕顯 験驗 厳嚴 呉吳 娯娛 効效 恒恆 鉱鑛
号號 黒黑 砕碎 済濟 剤劑 雑雜 参參 桟棧 蚕蠶 惨慘 賛贊 残殘 糸絲 姉姊 歯齒 児兒 辞辭 湿濕 実實
舎舍 写寫 釈釋 寿壽 収收 従從 渋澁 獣獸 縦縱 粛肅 処處 緒緖 叙敍 将將 称稱 焼燒 証證 奨奬 状狀
乗乘 浄淨 剰剩 畳疊 縄繩 壌壤 嬢孃 譲讓 醸釀 触觸 嘱囑 寝寢 慎愼 尽盡 図圖 粋粹 酔醉 穂穗 随隨
髄髓 枢樞 数數 声聲 青靑 清淸 静靜 摂攝 窃竊 専專 浅淺 戦戰 践踐 銭錢 潜潛 繊纖 禅禪 双雙 壮壯
争爭 荘莊 挿插 捜搜 巣巢 装裝 総總 増增 騒騷 臓臟 即卽 続續 属屬 堕墮 対對 体體躰 帯帶 滞滯 台臺
択擇 単單 担擔 団團 断斷 弾彈 遅遲 痴癡 虫蟲 昼晝 鋳鑄 庁廳 徴徵 聴聽 鎮鎭 逓遞 転轉 点點 伝傳
党黨 灯燈 当當 盗盜 闘鬪 独獨 読讀 届屆 弐貳 悩惱 脳腦 覇霸 拝拜 廃廢 売賣 麦麥 発發 髪髮 抜拔
晩晚 蛮蠻 秘祕 瓶甁 払拂 仏佛 併倂 変變 弁辨辯瓣 歩步 舗舖 宝寶寳 豊豐 褒襃 翻飜 毎每 万萬 満滿
麺麵 黙默 餅餠 戻戾 訳譯 薬藥 与與 予豫 余餘 誉譽 揺搖 様樣 謡謠 来來 頼賴 乱亂 覧覽 両兩 猟獵
緑綠 涙淚 塁壘 礼禮 励勵 霊靈 齢齡 暦曆 歴歷 恋戀 錬鍊 炉爐 労勞 郎郞 楼樓 録錄 湾灣 歳歲
"""

ORDINARY: Final = {ord(variant): group[0] for group in GROUPS.split() for variant in group[1:]}
"""From the code point of a variant to the ordinary shape, for `str.translate`."""
